import { fstatSync, readlinkSync, type BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { PublishedTrees } from '../../content/published-trees.js';
import { joinTree, type RawName } from '../../core/tree-path.js';
import type { EntryCache, FileStamp, KnownFile, Wanted } from './entry-cache.js';
import { DESCRIPTORS, realRoot, type FoundFile } from './open-entry.js';
import type { SharedHandle } from './shared-handle.js';

interface InPlaceDeps {
  readonly trees: PublishedTrees;
  readonly cache: Pick<EntryCache<unknown>, 'inPlace' | 'setInPlace' | 'dropInPlace'>;
  /** Milliseconds since the epoch. */
  clock(): number;
}

/** Of a file that was changed later, another change may bear the same time: clocks of file systems tick up to so many milliseconds. */
const SETTLED_MS = 2_000;

/**
 * Remembers files of trees whose files are replaced one by one, and asks the disk at each use whether they are still the
 * same: one stat(2) of the path, and where the open file is by its descriptor. Links and folders are not remembered.
 */
export class InPlaceFiles {
  constructor(private readonly deps: InPlaceDeps) {}

  /**
   * The file as it is now, if it is one that was remembered; else it has to be looked for anew. Its handle is held for
   * the caller, who releases it once.
   */
  async recall(wanted: Wanted): Promise<KnownFile | undefined> {
    const known = this.deps.cache.inPlace(wanted.key);
    if (!known) return undefined;
    const { kind, mirror, path, trees, facts, body, handle, stamp } = known;
    if (stamp && handle?.hold()) {
      if (await this.#stands(known, stamp, handle)) return { kind, mirror, path, trees, facts, body, handle };
      handle.release();
    }
    this.deps.cache.dropInPlace(wanted.key, known);
    return undefined;
  }

  /** To be asked before anything is read of it; undefined where it is not to be remembered. */
  async stampOf({ tree, place, handle }: FoundFile, { mirror, path }: Wanted): Promise<FileStamp | undefined> {
    if (this.deps.trees.get(mirror)?.live !== tree) return undefined;
    const asAsked = [await realRoot(tree), ...path.segments].join('/');
    const now = this.deps.clock();
    const stats = statsOf(handle.fd);
    const isSettled = stats !== undefined && Number(stats.ctimeMs) <= now - SETTLED_MS;
    return place === asAsked && isSettled ? { place, stats } : undefined;
  }

  keep({ key }: Wanted, file: KnownFile, stamp: FileStamp): void {
    this.deps.cache.setInPlace(key, { ...file, stamp });
  }

  async #stands(
    { mirror, path, trees }: KnownFile,
    { place, stats }: FileStamp,
    { fd }: SharedHandle,
  ): Promise<boolean> {
    const now = await stat(joinTree(trees.live.root, path.segments), { bigint: true }).catch(() => null);
    // whoever looks anew is told what went wrong
    return now !== null && isSame(now, stats) && placeOf(fd) === place && this.deps.trees.get(mirror) === trees;
  }
}

/** At once: opening has brought them into memory. Undefined where they cannot be told; whoever reads the file is told why. */
function statsOf(fd: number): BigIntStats | undefined {
  try {
    return fstatSync(fd, { bigint: true });
  } catch {
    return undefined;
  }
}

function isSame(one: BigIntStats, other: BigIntStats): boolean {
  return (
    one.ino === other.ino &&
    one.dev === other.dev &&
    one.size === other.size &&
    one.mtimeNs === other.mtimeNs &&
    one.ctimeNs === other.ctimeNs
  );
}

/** Follows the open file when one of its folders is moved; undefined where it cannot be told. */
function placeOf(fd: number): RawName | undefined {
  try {
    return readlinkSync(`${DESCRIPTORS}/${fd}`, 'latin1');
  } catch {
    return undefined;
  }
}
