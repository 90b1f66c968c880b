import type { ServerDeps } from '../server-deps.js';
import { downloadPreset } from './catalog.js';
import { productId, productsOf, type Product } from './products.js';
import type { Installer } from './scan.js';

/** What can be downloaded now; of the product `only`, with the hashes that are known, or of all. */
export function currentProducts(deps: Pick<ServerDeps, 'downloads' | 'hashes' | 'settings'>, only?: string): Product[] {
  const { mirrors } = deps.settings();
  const all = deps.downloads?.installers() ?? [];
  const installers = only === undefined ? all : all.filter(({ product }) => productId(product) === only);
  return productsOf(installers, {
    sha256: (installer) => (only === undefined ? null : knownHash(deps, installer)),
    categoryOf: (mirror) => {
      const category = downloadPreset(mirrors.get(mirror))?.category;
      return category === 'distro' || category === 'bsd' ? 'os' : 'app';
    },
  });
}

/** Nothing is hashed for a page: it shows what is known, and the address of the sum else. */
function knownHash({ hashes }: Pick<ServerDeps, 'hashes'>, installer: Installer): string | null {
  return hashes.sha256({ ...installer, stats: installer })?.toString('hex') ?? null;
}
