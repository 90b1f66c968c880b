import type { DownloadFile, Product } from '../downloads/products.js';

/** What can be downloaded of one product. */
export interface DownloadGroup {
  readonly distro: string;
  readonly category: 'os' | 'app' | 'font';
  /** `name` is `version (platform, kind)`: `2026.08.01 (x86_64, CLI-only)`; `url` is a path on this server. */
  readonly urls: readonly { readonly name: string; readonly url: string }[];
}

/** `/static/status/isoinfo.json`, and the `info` of MirrorZ: installers by product, the newest version first. */
export function isoInfo(products: readonly Product[]): DownloadGroup[] {
  return products.map(({ name, category, versions }) => ({
    distro: name,
    category,
    urls: versions.flatMap(({ files }) => files.map((file) => ({ name: fileName(file), url: file.path }))),
  }));
}

function fileName({ version, arch, kind }: DownloadFile): string {
  const what = [arch, kind].filter((word) => word !== '').join(', ');
  return what === '' ? version : `${version} (${what})`;
}
