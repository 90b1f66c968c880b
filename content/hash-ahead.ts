import { constants, fstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, systemCode } from '../core/errors.js';
import type { RawName } from '../core/tree-path.js';
import type { Store } from '../store/open.js';
import { bytePath, lstatOrNull } from './byte-path.js';
import { readChanges } from './change-list.js';
import type { FileHashes } from './file-hashes.js';
import type { Layout } from './layout.js';
import type { PublishedTree, PublishedTrees, PublishedTreesOfMirror } from './published-trees.js';
import { walk } from './walk.js';

export interface HashAheadOptions {
  readonly store: Pick<Store, 'fileHashes'>;
  readonly layout: Layout;
  readonly trees: PublishedTrees;
  readonly hashes: FileHashes;
  readonly log: { warn(details: object, message: string): void };
  /** Asked before each file. */
  readonly settings: () => HashAheadSettings;
  /** Names of all mirrors that there are. */
  readonly mirrors: () => Iterable<string>;
}

export interface HashAheadSettings {
  /** Files of more bytes than that are hashed; null is none. */
  readonly over: number | null;
  /** Bytes a second that are read at most. */
  readonly rate: number;
}

/** Serving and syncing come first. */
const SHARE = 0.25;
/** Between so many entries of a tree others get their turn at the disk. */
const BATCH = 500;
const REST_MS = 20;
const PAGE = 200;

/**
 * Hashes the large files of published trees before anybody asks, one after the other. Each published generation is
 * looked at once: what changed since the one before, or the whole tree. It is recorded when a generation is done; what
 * a restart cuts off is looked at again, and what is known already costs no reading.
 */
export class HashAhead {
  readonly #stop = new AbortController();
  readonly #due = new Set<string>();
  #work: Promise<void> | null = null;

  constructor(private readonly options: HashAheadOptions) {}

  /** Looks at all mirrors, and from now on at each that is published. */
  start(): void {
    const { trees, mirrors } = this.options;
    trees.subscribe((mirror) => this.#look(mirror));
    for (const mirror of mirrors()) this.#look(mirror);
    this.#forgetFormerMirrors();
  }

  /** After a change of the settings. */
  lookAgain(): void {
    for (const mirror of this.options.mirrors()) this.#look(mirror);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#work;
  }

  #look(mirror: string): void {
    if (this.#stop.signal.aborted) return;
    this.#due.add(mirror);
    this.#work ??= this.#workOff().finally(() => {
      this.#work = null;
      const [next] = this.#due;
      if (next !== undefined) this.#look(next);
    });
  }

  async #workOff(): Promise<void> {
    for (const mirror of this.#due) {
      this.#due.delete(mirror);
      try {
        await this.#lookAt(mirror);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.options.log.warn({ mirror }, `hashes were not computed ahead: ${messageOf(error)}`);
      }
    }
  }

  async #lookAt(mirror: string): Promise<void> {
    const { store, trees, settings } = this.options;
    const { over } = settings();
    const published = trees.get(mirror);
    if (over === null || !published) return;
    const { live } = published;
    const before = store.fileHashes.ahead(mirror);
    if (before?.generation === live.generation.id && before.over <= over) return;
    let looked = 0;
    for await (const path of this.#candidates(mirror, published, before)) {
      if (++looked % BATCH === 0) await delay(REST_MS, undefined, { signal: this.#stop.signal });
      if (trees.get(mirror) !== published) return; // it is due again
      await this.#hash(mirror, live, path);
    }
    await this.#forgetGone(mirror, published);
    if (trees.get(mirror) === published) store.fileHashes.setAhead(mirror, { generation: live.generation.id, over });
  }

  /** Paths of files that may have to be hashed. */
  async *#candidates(
    mirror: string,
    { live, previous }: PublishedTreesOfMirror,
    before: { generation: number; over: number } | undefined,
  ): AsyncGenerator<RawName> {
    const { layout, settings } = this.options;
    const isNext = previous !== null && previous.generation.id < live.generation.id;
    if (isNext && before?.generation === previous.generation.id && before.over <= (settings().over ?? Infinity)) {
      // the list of the live slot tells what it got since it was equal to the other
      for await (const { kind, path } of readChanges(layout.changes(mirror, live.generation.slot)))
        if (kind === 'file') yield path;
      return;
    }
    for await (const { path, isFile } of walk(live.root, this.#stop.signal)) if (isFile) yield path;
  }

  async #hash(mirror: string, tree: PublishedTree, path: RawName): Promise<void> {
    const { hashes, settings, log } = this.options;
    const { over, rate } = settings();
    const file = bytePath(tree.root, path);
    const found = await lstatOrNull(file);
    if (over === null || !found?.isFile() || found.size <= over) return;
    const segments = path.split('/');
    try {
      const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const stats = fstatSync(handle.fd); // open has brought the inode into memory
      const wanted = { mirror, segments, stats, handle };
      if (!stats.isFile() || hashes.sha256(wanted)) return await handle.close();
      await hashes.computeAhead(wanted, { rate, share: SHARE }, this.#stop.signal);
    } catch (error) {
      this.#stop.signal.throwIfAborted();
      if (systemCode(error) !== 'ENOENT') log.warn({ mirror }, `a file could not be hashed: ${messageOf(error)}`);
    }
  }

  /** What neither tree has any more is forgotten. */
  async #forgetGone(mirror: string, { live, previous }: PublishedTreesOfMirror): Promise<void> {
    const { fileHashes } = this.options.store;
    for (let after = '', paths; (paths = fileHashes.pathsAfter(mirror, after, PAGE)).length > 0;) {
      for (const path of paths) {
        const places = [live, ...(previous ? [previous] : [])].map(({ root }) => lstatOrNull(bytePath(root, path)));
        if ((await Promise.all(places)).every((found) => found === null)) fileHashes.removePath(mirror, path);
      }
      after = paths.at(-1) ?? '';
      await delay(REST_MS, undefined, { signal: this.#stop.signal });
    }
  }

  #forgetFormerMirrors(): void {
    const { store, mirrors } = this.options;
    const known = new Set(mirrors());
    for (const mirror of store.fileHashes.mirrors()) if (!known.has(mirror)) store.fileHashes.removeMirror(mirror);
  }
}
