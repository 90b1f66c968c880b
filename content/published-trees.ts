import type { Generation } from '../core/generation.js';

/** A tree that may be served: a generation and the absolute folder that holds it. */
export interface PublishedTree {
  readonly generation: Generation;
  readonly root: string;
}

/** One that is kept under its stamp, `2026-11-23T06:00Z`. */
export interface KeptTree extends PublishedTree {
  readonly stamp: string;
}

export interface PublishedTreesOfMirror {
  readonly live: PublishedTree;
  /** The generation before, as long as its tree is whole. */
  readonly previous: PublishedTree | null;
  /** Served below `/<mirror>/@<stamp>/`, newest first; those that were given before unless others are. */
  readonly kept?: readonly KeptTree[];
}

/** Resolves when the trees are served elsewhere as well. */
export type Follower = (mirror: string, trees: PublishedTreesOfMirror | null) => Promise<void>;

/**
 * What is served now, in memory, by mirror. The objects are replaced, never changed: whoever opened a file checks
 * that `get` still returns the same object and knows that the file is of that generation.
 */
export class PublishedTrees {
  readonly #byMirror = new Map<string, PublishedTreesOfMirror>();
  readonly #listeners: ((mirror: string) => void)[] = [];
  readonly #followers: Follower[] = [];
  readonly #following = new Set<Promise<void>>();

  get(mirror: string): PublishedTreesOfMirror | undefined {
    return this.#byMirror.get(mirror);
  }

  set(mirror: string, trees: PublishedTreesOfMirror | null): void {
    const kept = this.#byMirror.get(mirror)?.kept;
    if (trees) this.#byMirror.set(mirror, trees.kept || !kept ? trees : { ...trees, kept });
    else this.#byMirror.delete(mirror);
    for (const listener of this.#listeners) listener(mirror);
    for (const follow of this.#followers) {
      const following = follow(mirror, this.#byMirror.get(mirror) ?? null).finally(() =>
        this.#following.delete(following),
      );
      this.#following.add(following);
    }
  }

  /** Serves these as kept generations of a mirror that has a live tree. */
  setKept(mirror: string, kept: readonly KeptTree[]): void {
    const trees = this.#byMirror.get(mirror);
    if (trees) this.set(mirror, { ...trees, kept });
  }

  /** All mirrors that have trees. */
  mirrors(): IterableIterator<string> {
    return this.#byMirror.keys();
  }

  /** `follower` makes other processes serve what has changed here. It throws nothing. */
  follow(follower: Follower): void {
    this.#followers.push(follower);
  }

  /** Resolves when what was set before is what all followers serve. */
  async everywhere(): Promise<void> {
    await Promise.all(this.#following);
  }

  /** Tells `listener` at once of each mirror whose trees have changed, as long as both live. */
  subscribe(listener: (mirror: string) => void): void {
    this.#listeners.push(listener);
  }
}
