import { createReadStream, createWriteStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { systemCode } from '../core/errors.js';

/** rsync's log-file format that this file reads: itemised change, size in bytes, name. */
export const CHANGE_FORMAT = '%i %l %n';

/** One itemised change of a tree, rsync(1) `--itemize-changes`. */
export interface Change {
  readonly kind: 'file' | 'folder' | 'link' | 'other' | 'deleted';
  /** It was not there before. */
  readonly created: boolean;
  /** Only times or permissions were set; the content is as it was. */
  readonly attributesOnly: boolean;
  /** Size in bytes of a file as upstream has it; 0 for what was deleted. */
  readonly size: number;
  /** It is, or was, a folder. */
  readonly folder: boolean;
  /** Path below the root of the tree, bytes in latin1, without a trailing slash; `.` is the root. */
  readonly path: string;
}

// "2026/11/23 23:42:26 [3169] >f+++++++++ 2 some name"
const STAMP = /\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[\d+\] /;
const STAMP_AHEAD = new RegExp(`(?=${STAMP.source})`);
const RECORD = new RegExp(`^${STAMP.source}([<>ch.][fdLDS].{9}|\\*deleting {2}) (\\d+) (.+)$`, 's');
/** Longer than any record of rsync; what goes on for longer is no list. */
const LONGEST = 64 * 1024;
const CHUNK_BYTES = 64 * 1024;
const KINDS: Readonly<Record<string, Change['kind']>> = { f: 'file', d: 'folder', L: 'link' };

/** Reads one record of the list (bytes in latin1); undefined for anything that is not an itemised change. */
export function parseChange(record: string): Change | undefined {
  const match = RECORD.exec(record);
  if (!match) return undefined;
  const [, item = '', size = '0', name = ''] = match;
  const folder = name.endsWith('/');
  const path = unescapeName(folder ? name.slice(0, -1) : name);
  if (path.startsWith('/') || path.includes('\0') || path.split('/').includes('..')) return undefined;
  if (item.startsWith('*deleting'))
    return { kind: 'deleted', created: false, attributesOnly: false, size: 0, folder, path };
  return {
    kind: KINDS[item[1] ?? ''] ?? 'other',
    created: item.endsWith('+++++++++'),
    attributesOnly: item.startsWith('.'),
    size: Number(size),
    folder,
    path,
  };
}

/**
 * rsync 3.5 writes control characters, and the backslash of what looks like such, as `\#ooo` (octal); 3.2 writes all
 * bytes as they are, so that any other `\#ooo` is part of the name.
 */
function unescapeName(name: string): string {
  return name.replace(/\\#(0[0-3][0-7]|134)/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/** A record as rsync would have written it, with its line break; `path` is bytes in latin1. */
export function changeRecord(
  change: Pick<Change, 'created' | 'size' | 'folder' | 'path'> & { readonly kind: 'file' | 'deleted' },
  now: number,
): Buffer {
  const { kind, created, size, folder } = change;
  const stamp = new Date(now).toISOString().replace(/^(\d+)-(\d+)-(\d+)T([\d:]+).*$/, '$1/$2/$3 $4');
  const item = kind === 'deleted' ? '*deleting  ' : created ? '>f+++++++++' : '>f.st......';
  const name = change.path.replace(ESCAPED, '\\#134$1');
  return Buffer.from(`${stamp} [${process.pid}] ${item} ${size} ${name}${folder ? '/' : ''}\n`, 'latin1');
}

/** What `unescapeName` would take for an escape. */
const ESCAPED = /\\(#(?:0[0-3][0-7]|134))/g;

/** Size of the list so far, to be given to `readChanges` later; 0 when there is none. */
export async function changeListSize(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0;
    throw error;
  }
}

/** The changes recorded in bytes `from` up to `to`, in order. A missing list has none; a torn last line is left out. */
export async function* readChanges(file: string, from = 0, to = Infinity): AsyncGenerator<Change> {
  for await (const records of recordsByChunk(file, from, to))
    for (const record of records) {
      const change = parseChange(record);
      if (change) yield change;
    }
}

/** Takes the deletions out of the list, once they have been undone. */
export async function dropDeletions(file: string): Promise<void> {
  async function* kept(): AsyncGenerator<Buffer> {
    for await (const records of recordsByChunk(file, 0))
      for (const record of records)
        if (parseChange(record)?.kind !== 'deleted') yield Buffer.from(`${record}\n`, 'latin1');
  }
  await pipeline(kept, createWriteStream(`${file}.new`));
  await rename(`${file}.new`, file);
}

/** The records of the list from byte `from` on, as many at a time as a read brings; bytes in latin1. */
async function* recordsByChunk(file: string, start: number, to = Infinity): AsyncGenerator<string[]> {
  const splitter = new RecordSplitter();
  try {
    const range = { start, end: to - 1, highWaterMark: CHUNK_BYTES };
    for await (const chunk of createReadStream(file, { ...range, encoding: 'latin1' }))
      yield splitter.push(chunk as string);
    yield splitter.end();
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

/**
 * A record is what begins with a time stamp, up to the next one. It is not always a line: rsync 3.2 writes a newline in
 * a name as it is, every version cuts off the end of a long line with its newline, and goes on behind what a killed one
 * had begun.
 */
class RecordSplitter {
  #rest = '';
  #record = '';

  push(chunk: string): string[] {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = (lines.pop() ?? '').slice(-LONGEST);
    const complete: string[] = [];
    for (const line of lines) for (const part of line.split(STAMP_AHEAD)) this.#take(part, complete);
    return complete;
  }

  /** What has no newline yet was torn, and is left out. */
  end(): string[] {
    return this.#record === '' ? [] : [this.#record];
  }

  #take(part: string, complete: string[]): void {
    if (STAMP.test(part)) {
      if (this.#record !== '') complete.push(this.#record);
      this.#record = part;
    } else if (this.#record !== '' && this.#record.length < LONGEST) this.#record += `\n${part}`;
  }
}
