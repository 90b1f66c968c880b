import type { Stats } from 'node:fs';
import type { PublishedTrees } from '../../content/published-trees.js';
import { systemCode } from '../../core/errors.js';
import type { RawName } from '../../core/tree-path.js';
import { readSmall, SMALL } from './body-writer.js';
import type { EntryCache, FileStamp, KnownAbsence, KnownFile, KnownFolder, Wanted } from './entry-cache.js';
import { factsOf } from './file-facts.js';
import { InPlaceFiles } from './in-place-files.js';
import { lookUp, type FoundFile, type LookupResult } from './open-entry.js';
import type { FlatHeaders } from './response-head.js';
import { SharedHandle } from './shared-handle.js';

export type Found<Answer> =
  KnownFile | KnownFolder | KnownAbsence<Answer> | { readonly kind: 'unpublished' } | { readonly kind: 'moving' };

export interface FinderDeps<Answer> {
  readonly trees: PublishedTrees;
  readonly cache: EntryCache<Answer>;
  /** What is said of a path that is not there. */
  absence(wanted: Wanted): Answer;
  /** Whether files of the published tree are replaced one by one: what is remembered of it is compared with the disk. */
  isInPlace(mirror: string): boolean;
  /** More header fields of a file. */
  extraHeaders(mirror: string, segments: readonly RawName[], stats: Stats): FlatHeaders;
  /** Milliseconds since the epoch. */
  clock(): number;
}

/** What a look has found, where trees are published. */
type FoundThing = Extract<LookupResult, { trees: unknown }>;

const TOO_MANY_OPEN = new Set(['EMFILE', 'ENFILE']);

/** Looks paths up on the disk and lets the cache remember what they are. */
export class EntryFinder<Answer> {
  readonly #underWay = new Map<string, Promise<Found<Answer>>>();

  readonly #inPlace: InPlaceFiles;

  constructor(private readonly deps: FinderDeps<Answer>) {
    this.#inPlace = new InPlaceFiles(deps);
  }

  /**
   * What `wanted` is in the trees that are published now. Those who ask for the same at the same time share one look.
   * The handle of a file is held for the caller, who releases it once.
   * @throws system errors that say nothing about the path, such as EIO
   */
  async find(wanted: Wanted): Promise<Found<Answer>> {
    if (this.deps.isInPlace(wanted.mirror)) return (await this.#inPlace.recall(wanted)) ?? this.#look(wanted);
    const others = this.#underWay.get(wanted.key);
    if (others) {
      const found = await others;
      if (this.#stands(found) && (found.kind !== 'file' || !found.handle || found.handle.hold())) return found;
    }
    const own = this.#look(wanted);
    this.#underWay.set(wanted.key, own);
    try {
      return await own;
    } finally {
      if (this.#underWay.get(wanted.key) === own) this.#underWay.delete(wanted.key);
    }
  }

  #stands(found: Found<Answer>): boolean {
    return !('trees' in found) || this.deps.trees.get(found.mirror) === found.trees;
  }

  async #look(wanted: Wanted): Promise<Found<Answer>> {
    const result = await this.#lookUp(wanted);
    if (result.kind === 'unpublished' || result.kind === 'moving') return result;
    const isInPlace = this.deps.isInPlace(wanted.mirror);
    const stamp = isInPlace && result.kind === 'file' ? await this.#inPlace.stampOf(result, wanted) : undefined;
    const found = await this.#known(result, wanted, stamp);
    if (result.kind === 'file' && found.kind === 'absent') await result.handle.close();
    // the time of a file of the future grows with the clock
    const isLasting = result.kind !== 'file' || result.stats.mtimeMs <= this.deps.clock();
    if (isLasting && stamp && found.kind === 'file') this.#inPlace.keep(wanted, found, stamp);
    if (isLasting && !isInPlace) this.deps.cache.set(wanted.key, found);
    return found;
  }

  /** Written out, with the same fields first: they are read at each request, and engines are slow with copied objects. */
  async #known(
    result: FoundThing,
    wanted: Wanted,
    stamp: FileStamp | undefined,
  ): Promise<KnownFile | KnownFolder | KnownAbsence<Answer>> {
    const { mirror, path } = wanted;
    const { trees } = result;
    if (result.kind === 'folder') return { kind: 'folder', mirror, path, trees, found: result };
    if (result.kind === 'absent' || path.folder)
      return { kind: 'absent', mirror, path, trees, answer: this.deps.absence(wanted) };
    const { facts, body, handle } = await this.#read(result, wanted, stamp !== undefined);
    return { kind: 'file', mirror, path, trees, facts, body, handle };
  }

  async #lookUp({ mirror, path }: Wanted): Promise<LookupResult> {
    try {
      return await lookUp(this.deps.trees, mirror, path);
    } catch (error) {
      if (!TOO_MANY_OPEN.has(systemCode(error) ?? '')) throw error;
      this.deps.cache.closeFiles();
      return lookUp(this.deps.trees, mirror, path);
    }
  }

  /** A small file is read at once, and closed unless it `staysOpen`. */
  async #read(
    { stats, handle }: FoundFile,
    { mirror, path: { segments } }: Wanted,
    staysOpen: boolean,
  ): Promise<Pick<KnownFile, 'facts' | 'body' | 'handle'>> {
    const extra = this.deps.extraHeaders(mirror, segments, stats);
    const facts = factsOf(stats, segments, this.deps.clock(), extra);
    if (stats.size > SMALL) return { facts, body: null, handle: new SharedHandle(handle) };
    try {
      const body = await readSmall(handle, 0, stats.size);
      if (body && staysOpen) return { facts, body, handle: new SharedHandle(handle) };
      if (body) {
        await handle.close();
        return { facts, body, handle: null };
      }
    } catch (error) {
      await handle.close();
      throw error;
    }
    // shorter than it was said to be: whoever sends it finds that out
    return { facts, body: null, handle: new SharedHandle(handle) };
  }
}
