import type { ServerDeps } from '../server-deps.js';
import { downloadPreset } from './catalog.js';
import { productId, productsOf, type Product } from './products.js';
import type { Installer } from './scan.js';

type Deps = Pick<ServerDeps, 'downloads' | 'hashes' | 'settings'>;

/** Thousands of files are sorted once, not for everybody who asks. */
const listed = new WeakMap<readonly Installer[], readonly Product[]>();

/** What can be downloaded now; of the product `only`, with the hashes that are known, or of all. */
export function currentProducts(deps: Deps, only?: string): readonly Product[] {
  const all = deps.downloads?.installers() ?? [];
  if (only !== undefined) {
    const installers = all.filter(({ product }) => productId(product) === only);
    return madeOf(deps, installers, (installer) => knownHash(deps, installer));
  }
  const products = listed.get(all) ?? madeOf(deps, all, () => null);
  listed.set(all, products);
  return products;
}

function madeOf(
  { settings }: Deps,
  installers: readonly Installer[],
  sha256: (installer: Installer) => string | null,
): Product[] {
  const { mirrors } = settings();
  return productsOf(installers, {
    sha256,
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
