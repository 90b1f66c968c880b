import type { Generation } from '../core/generation.js';

/** A tree that may be served: a generation and the absolute folder that holds it. */
export interface PublishedTree {
  readonly generation: Generation;
  readonly root: string;
}

export interface PublishedTreesOfMirror {
  readonly live: PublishedTree;
  /** The generation before, as long as its tree is whole. */
  readonly previous: PublishedTree | null;
}

/**
 * What is served now, in memory, by mirror. The objects are replaced, never changed: whoever opened a file checks
 * that `get` still returns the same object and knows that the file is of that generation.
 */
export class PublishedTrees {
  readonly #byMirror = new Map<string, PublishedTreesOfMirror>();
  readonly #listeners: ((mirror: string) => void)[] = [];

  get(mirror: string): PublishedTreesOfMirror | undefined {
    return this.#byMirror.get(mirror);
  }

  set(mirror: string, trees: PublishedTreesOfMirror | null): void {
    if (trees) this.#byMirror.set(mirror, trees);
    else this.#byMirror.delete(mirror);
    for (const listener of this.#listeners) listener(mirror);
  }

  /** Tells `listener` at once of each mirror whose trees have changed, as long as both live. */
  subscribe(listener: (mirror: string) => void): void {
    this.#listeners.push(listener);
  }
}
