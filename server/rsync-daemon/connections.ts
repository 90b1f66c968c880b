import { sep } from 'node:path';
import { childrenOf, folderOf, killNow } from '../../platform/processes.js';

/** Milliseconds that a client may take to say what it wants: rsyncd itself would wait for ever. */
const GREETING_MS = 20_000;

/** What may be served of the mirror whose folder of slots is `slots`. */
export interface ServedRoots {
  readonly slots: string;
  readonly roots: readonly string[];
}

/** The connections of one daemon: rsyncd starts a process for each, which is in the folder of the tree that it sends. */
export class RsyncConnections {
  /** Since when each has been waiting for its client's wish. */
  readonly #waiting = new Map<number, number>();
  /** Those that may have read a configuration that is no longer true. */
  #early: ReadonlySet<number> = new Set();

  constructor(
    private readonly daemon: () => number | null,
    /** Where trees are; a process that is not below has not been told which it is to send. */
    private readonly mirrorsFolder: string,
  ) {}

  get count(): number {
    return this.#pids().length;
  }

  /** To be told after the configuration was replaced. */
  configurationChanged(): void {
    this.#early = new Set(this.#pids().filter((pid) => !this.#tree(pid)));
  }

  /**
   * Ends those that send a tree of the mirror which may no longer be served, before anything is written into it, and
   * those that still may begin to. A client is told that something failed; it never takes a mix for a tree.
   */
  cut({ slots, roots }: ServedRoots): number {
    const stale = this.#pids().filter((pid) => {
      const tree = this.#tree(pid);
      if (!tree) return this.#early.has(pid);
      return isWithin(tree, slots) && !roots.some((root) => isWithin(tree, root));
    });
    stale.forEach(killNow);
    return stale.length;
  }

  /** Ends those that have said nothing for long, and of those that have said nothing yet all beyond `most`. */
  sweep(now: number, most: number): void {
    const waiting = this.#pids().filter((pid) => !this.#tree(pid));
    for (const pid of this.#waiting.keys()) if (!waiting.includes(pid)) this.#waiting.delete(pid);
    for (const pid of waiting) if (!this.#waiting.has(pid)) this.#waiting.set(pid, now);
    waiting
      .filter((pid, index) => index < waiting.length - most || now - (this.#waiting.get(pid) ?? now) > GREETING_MS)
      .forEach(killNow);
  }

  #pids(): number[] {
    const daemon = this.daemon();
    return daemon === null ? [] : childrenOf(daemon);
  }

  #tree(pid: number): string | null {
    const folder = folderOf(pid);
    return folder !== null && isWithin(folder, this.mirrorsFolder) ? folder : null;
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}
