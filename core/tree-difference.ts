import { parsePackageFile } from './package-file.js';

export type DifferenceKind = 'added' | 'changed' | 'removed';

/** A file that is not the same in two trees. The path is bytes in latin1; the size is that in the newer tree, bytes. */
export interface DifferentFile {
  readonly path: string;
  readonly size: number;
}

/** A package of which other files are there: their versions, in the order in which they came. */
export interface DifferentPackage {
  readonly name: string;
  readonly arch: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** How two trees differ, bounded whatever they hold. */
export interface TreeDifference {
  /** In all; bytes of what was removed are not known, and 0. */
  readonly counts: Readonly<Record<DifferenceKind, { readonly files: number; readonly bytes: number }>>;
  /** The first of each kind. */
  readonly files: Readonly<Record<DifferenceKind, readonly DifferentFile[]>>;
  /** By name; the first ones. */
  readonly packages: readonly DifferentPackage[];
  readonly packageCount: number;
}

const MOST_FILES = 5_000;
const MOST_PACKAGES = 2_000;
/** Packages of which versions are put together, and files of them that are looked at for that. */
const MOST_PACKAGES_COUNTED = 50_000;
const MOST_VERSIONS_COUNTED = 200_000;

/** Adds up how two trees differ. A file that is told twice counts once, as far as it is remembered. */
export class DifferenceSum {
  readonly #counts = { added: zero(), changed: zero(), removed: zero() };
  readonly #files: Record<DifferenceKind, Map<string, number>> = {
    ...{ added: new Map<string, number>(), changed: new Map<string, number>(), removed: new Map<string, number>() },
  };
  readonly #packages = new Map<string, { name: string; arch: string; before: Set<string>; after: Set<string> }>();
  #versions = 0;

  add(kind: DifferenceKind, path: string, size: number): void {
    const files = this.#files[kind];
    if (files.has(path)) return;
    this.#counts[kind].files++;
    this.#counts[kind].bytes += size;
    if (files.size < MOST_FILES) files.set(path, size);
    if (kind !== 'changed') this.#addPackage(kind, path.slice(path.lastIndexOf('/') + 1));
  }

  result(): TreeDifference {
    const packages = [...this.#packages.values()]
      .map(({ before, after, ...rest }) => ({ ...rest, ...onlyIn(before, after) }))
      .filter(({ before, after }) => before.length + after.length > 0)
      .sort((a, b) => compareText(a.name, b.name) || compareText(a.arch, b.arch));
    const list = (kind: DifferenceKind): DifferentFile[] =>
      [...this.#files[kind]].map(([path, size]) => ({ path, size })).sort((a, b) => compareText(a.path, b.path));
    return {
      counts: this.#counts,
      files: { added: list('added'), changed: list('changed'), removed: list('removed') },
      packages: packages.slice(0, MOST_PACKAGES),
      packageCount: packages.length,
    };
  }

  #addPackage(kind: 'added' | 'removed', fileName: string): void {
    const found = parsePackageFile(fileName);
    if (!found || this.#versions >= MOST_VERSIONS_COUNTED) return;
    const { name, version, arch } = found;
    const key = `${name} ${arch}`;
    let known = this.#packages.get(key);
    if (!known) {
      if (this.#packages.size >= MOST_PACKAGES_COUNTED) return;
      this.#packages.set(key, (known = { name, arch, before: new Set(), after: new Set() }));
    }
    this.#versions++;
    known[kind === 'added' ? 'after' : 'before'].add(version);
  }
}

/** A version that was removed in one folder and added in another has only moved. */
function onlyIn(before: ReadonlySet<string>, after: ReadonlySet<string>): { before: string[]; after: string[] } {
  return {
    before: [...before].filter((version) => !after.has(version)),
    after: [...after].filter((version) => !before.has(version)),
  };
}

function zero(): { files: number; bytes: number } {
  return { files: 0, bytes: 0 };
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
