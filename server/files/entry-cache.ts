import { LRUCache } from 'lru-cache';
import type { BigIntStats } from 'node:fs';
import type { PublishedTrees, PublishedTreesOfMirror } from '../../content/published-trees.js';
import type { RawName, TreePath } from '../../core/tree-path.js';
import { descriptorLimit } from '../../platform/descriptor-limit.js';
import type { FileFacts } from './file-facts.js';
import type { Rendered } from './listing-response.js';
import type { FoundFolder } from './open-entry.js';
import type { SharedHandle } from './shared-handle.js';

/** Where to look. */
export interface Wanted {
  /** The path of the request as the client writes it, without its query. */
  readonly key: string;
  readonly mirror: string;
  /** Below the mirror. */
  readonly path: TreePath;
}

/** What a path was found to be in `trees`. It is true as long as these are what is published. */
interface Known {
  readonly mirror: string;
  /** Below the mirror. */
  readonly path: TreePath;
  readonly trees: PublishedTreesOfMirror;
}

export interface KnownFile extends Known {
  readonly kind: 'file';
  readonly facts: FileFacts;
  readonly body: Buffer | null;
  /** Null where there is a body, and from when it was closed to let others be open. */
  handle: SharedHandle | null;
}

/** What an open file was before anything of it was read. */
export interface FileStamp {
  /** Where it really is, as bytes: below the tree, by the names that it was asked for by. */
  readonly place: RawName;
  readonly stats: BigIntStats;
}

/** One of a tree whose files are replaced one by one; it stays open, also where there is a body. */
export interface InPlaceFile extends KnownFile {
  readonly stamp: FileStamp;
}

export interface KnownFolder extends Known {
  readonly kind: 'folder';
  readonly found: FoundFolder;
}

/** A path that neither the live nor the previous tree has; `answer` is what was said of it. */
export interface KnownAbsence<Answer> extends Known {
  readonly kind: 'absent';
  readonly answer: Answer;
}

/** A listing of a folder, rendered in one of its forms. */
interface KnownListing extends Known {
  readonly kind: 'listing';
  readonly body: Buffer;
  /** What else than the folder it was rendered from. */
  readonly madeWith: unknown;
}

/** A listing that is being made. */
interface Rendering extends Known {
  readonly madeWith: unknown;
  readonly rendered: Promise<Rendered>;
}

/** Bytes. Absences have a room of their own: whoever asks for made-up names drives out no file. */
export interface CacheLimits {
  readonly memory: number;
  readonly absences: number;
  readonly openFiles: number;
}

const MIB = 1024 ** 2;
/** Of what is kept, one listing or file may be a quarter. */
const LARGEST_SHARE = 4;
/** What an entry takes beside its key and its body, measured roughly: its fields and those of the cache. */
const ENTRY_BYTES = 2000;
const ABSENCE_BYTES = 1200;
const OPEN_FILES = 1000;

/**
 * What was found in published trees: facts, small bodies, open files, listings, and what is not there. Bounded by bytes
 * and by open files over all mirrors; the least recently used goes first. Nothing of a former generation is given out,
 * and its files are closed as soon as another one is published: they would keep their place on the disk.
 */
export class EntryCache<Answer> {
  readonly #entries: LRUCache<string, KnownFile | InPlaceFile | KnownFolder | KnownListing>;
  readonly #absences: LRUCache<string, KnownAbsence<Answer>>;
  readonly #open: LRUCache<KnownFile, true>;
  readonly #rendering = new Map<string, Rendering>();

  constructor(
    private readonly trees: PublishedTrees,
    limits: Partial<CacheLimits> = {},
  ) {
    const memory = limits.memory ?? 64 * MIB;
    // sockets need most of what the process may open
    const openFiles = Math.max(1, limits.openFiles ?? Math.min(OPEN_FILES, Math.floor(descriptorLimit() / 4)));
    this.#open = new LRUCache({ max: openFiles, dispose: (_, file) => closeFile(file) });
    this.#entries = new LRUCache({
      maxSize: memory,
      maxEntrySize: Math.ceil(memory / LARGEST_SHARE),
      sizeCalculation: (entry, key) => key.length + ENTRY_BYTES + ('body' in entry ? (entry.body?.length ?? 0) : 0),
      dispose: (entry) => entry.kind === 'file' && this.#open.delete(entry),
    });
    this.#absences = new LRUCache({
      maxSize: limits.absences ?? 8 * MIB,
      sizeCalculation: (_, key) => 3 * key.length + ABSENCE_BYTES,
    });
    trees.subscribe((mirror) => this.#closeFormer(mirror));
  }

  /** What is known of a path, by the path as the client writes it. */
  get(path: string): KnownFile | KnownFolder | KnownAbsence<Answer> | undefined {
    const known = this.#entries.get(path) ?? this.#absences.get(path);
    if (known === undefined || known.kind === 'listing' || !this.#stands(known)) return undefined;
    if (known.kind === 'file' && known.handle) this.#open.get(known); // what is asked for often stays open
    return known;
  }

  /** The handle of a file is held as long as the file is remembered. */
  set(path: string, known: KnownFile | KnownFolder | KnownAbsence<Answer>): void {
    if (known.kind === 'absent') {
      this.#absences.set(path, known);
      return;
    }
    this.#entries.set(path, known);
    if (known.kind === 'file' && this.#entries.peek(path) === known && known.handle?.hold())
      this.#open.set(known, true);
  }

  /** A file that was found where files are replaced one by one: it has to be the same still. */
  inPlace(path: string): InPlaceFile | undefined {
    const known = this.#entries.get(inPlaceKey(path));
    if (known === undefined || !('stamp' in known)) return undefined;
    this.#open.get(known);
    return known;
  }

  /** As `set`, for whoever asks with `inPlace`. */
  setInPlace(path: string, known: InPlaceFile): void {
    this.set(inPlaceKey(path), known);
  }

  /** Forgets it, unless another one has been remembered meanwhile. */
  dropInPlace(path: string, known: InPlaceFile): void {
    const key = inPlaceKey(path);
    if (this.#entries.peek(key) === known) this.#entries.delete(key);
  }

  /** A listing by its path and its form, if it was made with the same. */
  listing(path: string, form: string, madeWith: unknown): Buffer | undefined {
    const known = this.#entries.get(`${path}\0${form}`);
    return known?.kind === 'listing' && known.madeWith === madeWith && this.#stands(known) ? known.body : undefined;
  }

  /** Keeps what `render` gives; those who ask for the same at the same time wait for the same. */
  async makeListing(
    path: string,
    form: string,
    how: Known & { readonly madeWith: unknown; render(): Promise<Rendered> },
  ): Promise<Rendered> {
    const key = `${path}\0${form}`;
    const { mirror, path: below, trees, madeWith } = how;
    const known = { mirror, path: below, trees, madeWith };
    const others = this.#rendering.get(key);
    if (others?.trees === how.trees && others.madeWith === how.madeWith) return others.rendered;
    const own = { ...known, rendered: how.render() };
    this.#rendering.set(key, own);
    try {
      const body = await own.rendered;
      if (body instanceof Buffer) this.#entries.set(key, { ...known, kind: 'listing', body });
      return body;
    } finally {
      if (this.#rendering.get(key) === own) this.#rendering.delete(key);
    }
  }

  /** Bytes that may be kept of one listing. */
  get largestListing(): number {
    return this.#entries.maxEntrySize - 2 * ENTRY_BYTES;
  }

  /** A file by its path as links to it have it: what is said of it has changed. */
  forget(path: string): void {
    for (const key of [path, inPlaceKey(path)]) if (this.#entries.peek(key)?.kind === 'file') this.#entries.delete(key);
  }

  /** Closes all that no response reads from, because the process may open no more. */
  closeFiles(): void {
    this.#open.clear();
  }

  #stands(known: Known): boolean {
    return this.trees.get(known.mirror) === known.trees;
  }

  #closeFormer(mirror: string): void {
    const current = this.trees.get(mirror);
    for (const file of [...this.#open.keys()])
      if (file.mirror === mirror && file.trees !== current) this.#open.delete(file);
  }
}

/** No form of a listing is called so. */
function inPlaceKey(path: string): string {
  return `${path}\0in-place`;
}

function closeFile(file: KnownFile): void {
  file.handle?.release();
  file.handle = null;
}
