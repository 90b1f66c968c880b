import { architectureName } from '../../core/architecture.js';
import { displayName, encodePath } from '../../core/tree-path.js';
import { compareVersions } from '../../core/version-order.js';
import type { Installer } from './scan.js';

/** Where a product stands in lists: an operating system, or a program. */
export type Category = 'os' | 'app';

/** An installer as pages and programs get it. */
export interface DownloadFile {
  readonly name: string;
  /** Path of the file on this server, percent-encoded. */
  readonly path: string;
  readonly mirror: string;
  readonly version: string;
  /** As the project writes it, and for people; empty where it is not told. */
  readonly arch: string;
  readonly archName: string;
  readonly kind: string;
  /** The system that it can only be used on; null where it brings its own, or where that is not known. */
  readonly system: 'windows' | 'macos' | 'linux' | null;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly changedAt: number;
  /** Hexadecimal, where it is known already. */
  readonly sha256: string | null;
  /** Path on this server of the sums that the project itself tells; null where there are none beside the file. */
  readonly sums: string | null;
}

export interface Product {
  /** In addresses: `debian-live`. */
  readonly id: string;
  readonly name: string;
  readonly category: Category;
  /** Newest version first. */
  readonly versions: readonly { readonly version: string; readonly files: readonly DownloadFile[] }[];
}

export interface ProductParts {
  sha256(installer: Installer): string | null;
  categoryOf(mirror: string): Category;
}

/** Products by name, each with its versions from new to old and their files by kind and processor. */
export function productsOf(installers: readonly Installer[], parts: ProductParts): Product[] {
  const byProduct = groupBy(installers, ({ product }) => productId(product));
  return [...byProduct]
    .map(([id, all]): Product => {
      const [{ product = id, mirror = '' } = {}] = all;
      const versions = [...groupBy(all, ({ version }) => version)].map(([version, files]) => ({
        version,
        files: files.toSorted(compareInstallers).map((each) => downloadFile(each, parts)),
      }));
      versions.sort((one, other) => compareVersions(other.version, one.version));
      return { id, name: product, category: parts.categoryOf(mirror), versions };
    })
    .sort((one, other) => one.name.localeCompare(other.name, 'en'));
}

/** The name of a product in addresses. */
export function productId(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}

/** Of the newest version, the file for a system and a processor; undefined where none is for them. */
export function bestFile(
  { versions }: Pick<Product, 'versions'>,
  { system, arch }: { readonly system: string | null; readonly arch: string | null },
): DownloadFile | undefined {
  const files = versions[0]?.files ?? [];
  const own = system === 'windows' || system === 'macos' ? system : system === null ? null : 'linux';
  const usable = files.filter((file) => file.system === null || file.system === own);
  const wanted = arch ?? 'x86-64';
  return (
    usable.find(({ archName }) => archName === wanted) ??
    usable.find(({ arch: any }) => any === '' || any === 'universal')
  );
}

function downloadFile(installer: Installer, parts: ProductParts): DownloadFile {
  const { segments, mirror, version, arch, kind } = installer;
  const name = segments.at(-1) ?? '';
  return {
    name: displayName(name),
    path: encodePath([mirror, ...segments], false),
    ...{ mirror, version, arch, archName: architectureName(arch), kind },
    system: systemOf(name, kind),
    bytes: installer.size,
    changedAt: installer.mtimeMs,
    sha256: parts.sha256(installer),
    sums: installer.sums === null ? null : encodePath([mirror, ...segments.slice(0, -1), installer.sums], false),
  };
}

/** By the end of the name, which tells what can open it. */
function systemOf(name: string, kind: string): DownloadFile['system'] {
  if (/\.(?:exe|msi|msix)$/i.test(name)) return 'windows';
  if (/\.(?:dmg|pkg)$/i.test(name)) return 'macos';
  if (/\.appimage$/i.test(name)) return 'linux';
  const named = /^(Windows|macOS|Linux)\b/.exec(kind)?.[1]?.toLowerCase();
  return named === 'windows' || named === 'macos' || named === 'linux' ? named : null;
}

function compareInstallers(one: Installer, other: Installer): number {
  const nameOf = ({ segments }: Installer): string => segments.join('/');
  return (
    one.rank - other.rank ||
    compareText(one.kind, other.kind) ||
    compareText(architectureName(one.arch), architectureName(other.arch)) ||
    compareText(nameOf(one), nameOf(other))
  );
}

function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
