/** What becomes of files below a folder; sizes are bytes. */
export interface FolderChange {
  /** Bytes in latin1, without a slash at its end; empty for the top. */
  readonly folder: string;
  readonly deletedFiles: number;
  readonly deletedBytes: number;
  readonly addedFiles: number;
  readonly addedBytes: number;
  readonly changedFiles: number;
}

type Counts = { -readonly [Key in keyof Omit<FolderChange, 'folder'>]: number };

const DEEPEST = 6;

/**
 * Counts changes by folder in bounded memory: as deep as `most` folders can tell, the same depth everywhere. What is
 * left over where even the top has more folders than that is counted at the top itself.
 */
export class FolderGroups {
  #depth = DEEPEST;
  #groups = new Map<string, Counts>();

  constructor(private readonly most = 1000) {}

  /** Counts a file at `path` (bytes in latin1). */
  add(path: string, what: 'deleted' | 'added' | 'changed', bytes: number): void {
    const counts = this.#countsOf(folderOf(path, this.#depth));
    counts[`${what}Files`]++;
    if (what !== 'changed') counts[`${what}Bytes`] += bytes;
    while (this.#groups.size > this.most && this.#depth > 1) this.#cut(--this.#depth);
  }

  /** Those that lose most files first. */
  list(): FolderChange[] {
    return [...this.#groups]
      .map(([folder, counts]) => ({ folder, ...counts }))
      .sort(
        (a, b) => b.deletedFiles - a.deletedFiles || b.changedFiles - a.changedFiles || (a.folder < b.folder ? -1 : 1),
      );
  }

  #countsOf(folder: string): Counts {
    const known = this.#groups.get(folder);
    if (known) return known;
    // one more place is kept for the top
    if (this.#depth === 1 && this.#groups.size >= this.most - 1 && folder !== '') return this.#countsOf('');
    const counts = { deletedFiles: 0, deletedBytes: 0, addedFiles: 0, addedBytes: 0, changedFiles: 0 };
    this.#groups.set(folder, counts);
    return counts;
  }

  #cut(depth: number): void {
    const before = this.#groups;
    this.#groups = new Map();
    for (const [folder, counts] of before) {
      const into = this.#countsOf(folder.split('/').slice(0, depth).join('/'));
      for (const key of Object.keys(counts) as (keyof Counts)[]) into[key] += counts[key];
    }
  }
}

/** The first `depth` folders of the path of a file. */
function folderOf(path: string, depth: number): string {
  let end = -1;
  for (let level = 0; level < depth; level++) {
    const next = path.indexOf('/', end + 1);
    if (next < 0) break;
    end = next;
  }
  return path.slice(0, Math.max(0, end));
}
