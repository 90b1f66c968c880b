import { createHash } from 'node:crypto';
import { MillpondError } from './errors.js';
import { parseListedPath } from './tree-path.js';

/** One line of a list of files. */
export interface ListedEntry {
  /** Below the root, bytes in latin1. */
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link';
  /** Bytes. */
  readonly size: number;
  /** Upstream may not let everybody read it, or nobody: it is not fetched, and what is there of it stays. */
  readonly restricted: boolean;
  /** The whole line: it changes when the file does. */
  readonly line: string;
}

const KINDS: Readonly<Record<string, ListedEntry['kind']>> = { f: 'file', d: 'folder', l: 'link' };
const SECTION = /^\[([^\]]{1,40})\]$/;
const ENTRY = /^(\d{1,15})\t([fdl])([*-]?)\t(\d{1,16})\t(.+)$/s;
const END = 'End';
const MOST_ENTRIES = 20_000_000;
/** Bytes of a line: those of a path are 4,096 at the most. */
const LONGEST_LINE = 8192;

/**
 * Reads a list of files line by line, in the form of quick-fedora-mirror's create-filelist: sections `[Version]`,
 * `[Files]` with `<epoch>TAB<f|d|l>[*|-]TAB<size>TAB<path>`, `[Checksums ...]`, and `[End]`, without which it is torn.
 * The list is upstream's, and not trusted.
 */
export class FileListReader {
  entries = 0;
  #section: string | null = null;
  #line = 0;

  /** `name` is what sentences call the list. */
  constructor(private readonly name: string) {}

  /** Bytes in latin1, without a line break; of one that is too long, the beginning is enough. @throws MillpondError invalid */
  push(line: string): ListedEntry | undefined {
    this.#line++;
    if (line.length > LONGEST_LINE) throw this.#fault(`has a line ${this.#line} of over ${LONGEST_LINE} bytes`);
    const section = SECTION.exec(line)?.[1];
    if (section !== undefined) this.#section = section;
    if (section !== undefined || line === '') return undefined;
    if (this.#section === null) throw this.#fault('is no list of files: it does not begin with a section in brackets');
    return this.#section === 'Files' ? this.#entry(line) : undefined;
  }

  /** @throws MillpondError invalid when the list is not whole */
  end(): void {
    if (this.#section !== END) throw this.#fault('is torn: it does not end with [End]');
    if (this.entries === 0) throw this.#fault('names no file');
  }

  #entry(line: string): ListedEntry {
    const [, , letter = '', mark = '', size = '', text = ''] = ENTRY.exec(line) ?? [];
    const kind = KINDS[letter];
    if (kind === undefined) throw this.#fault(`has a line ${this.#line} that is not time, kind, size and path`);
    const path = parseListedPath(text);
    if (path === undefined) throw this.#fault(`names a path in line ${this.#line} that would lead out of the tree`);
    if (++this.entries > MOST_ENTRIES) throw this.#fault(`names more than ${MOST_ENTRIES} files`);
    return { path, kind, size: Number(size), restricted: mark !== '', line };
  }

  #fault(what: string): MillpondError {
    return new MillpondError('invalid', `The list of files ${this.name} ${what}.`);
  }
}

/** The lines of a file, bytes in latin1, from its pieces. Of one that no list has, little more than `LONGEST_LINE` is kept. */
export async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = (lines.pop() ?? '').slice(0, LONGEST_LINE + 1);
    yield* lines;
  }
  if (rest !== '') yield rest;
}

const FIRST_ROOM = 4096;

/** A set of texts that takes 8 bytes for each. It may know one that was never added, once in 10^9 for a million. */
export class Fingerprints {
  #values = new Float64Array(FIRST_ROOM);
  #count = 0;
  #isSorted = true;

  add(text: string): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = fingerprint(text);
    this.#isSorted = false;
  }

  has(text: string): boolean {
    if (!this.#isSorted) this.#values.subarray(0, this.#count).sort();
    this.#isSorted = true;
    const wanted = fingerprint(text);
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#values[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low < this.#count && this.#values[low] === wanted;
  }
}

/** 53 bits, what a number holds exactly. */
function fingerprint(text: string): number {
  const digest = createHash('sha1').update(text, 'latin1').digest();
  return digest.readUIntBE(0, 6) * 32 + (digest.readUInt8(6) & 31);
}
