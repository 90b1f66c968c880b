import { once } from 'node:events';
import { extract } from 'tar-stream';
import { messageOf } from '../../core/errors.js';
import { IndexFault } from './index-fault.js';

export interface TarEntry {
  readonly name: string;
  readonly content: Buffer;
}

/**
 * The files of a tar archive of unknown origin whose names `wants` takes, some at a time; all others are passed over.
 * @throws IndexFault when it is damaged, or one of them has more than `largest` bytes; what `chunks` throw
 */
export async function* tarEntries(
  chunks: AsyncIterable<Buffer>,
  { wants, largest }: { wants: (name: string) => boolean; largest: number },
): AsyncGenerator<TarEntry[]> {
  const archive = extract();
  let found: TarEntry[] = [];
  archive.on('entry', (header, stream, next) => {
    const pieces: Buffer[] = [];
    stream.on('error', () => undefined); // it is that of the archive
    const isWanted = header.type === 'file' && wants(header.name);
    if (isWanted && (header.size ?? 0) > largest)
      archive.destroy(new IndexFault(`holds ${quoted(header.name)} with more than ${largest} bytes`, []));
    if (isWanted) stream.on('data', (piece) => void pieces.push(piece as Buffer));
    stream.on('end', () => {
      if (isWanted) found.push({ name: header.name, content: Buffer.concat(pieces) });
      next();
    });
    stream.resume();
  });
  const take = (): TarEntry[] => {
    const taken = found;
    found = [];
    return taken;
  };
  const failure = new Promise<never>((_, reject) => {
    archive.on('error', (error) => {
      const problem = `is no whole tar archive (${quoted(messageOf(error))})`;
      reject(error instanceof IndexFault ? error : new IndexFault(problem, []));
    });
  });
  failure.catch(() => undefined); // it may come when nobody waits
  try {
    for await (const chunk of withoutGlobalHeaders(chunks)) {
      if (!archive.write(chunk)) await Promise.race([once(archive, 'drain'), failure]);
      yield take();
    }
    archive.end(undefined);
    await Promise.race([once(archive, 'close'), failure]);
    yield take();
  } finally {
    archive.destroy(null);
  }
}

const BLOCK = 512;
const GLOBAL_HEADER = 'g'.charCodeAt(0);

/**
 * What a global header tells is copied by tar-stream for each file behind it: some megabytes of it, and 60 KB of names,
 * take it a minute in which nothing else happens. (pax(1), "ustar Header Block": typeflag at 156, magic at 257)
 */
async function* withoutGlobalHeaders(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = bytes.length - (bytes.length % BLOCK);
    for (let at = 0; at < whole; at += BLOCK)
      if (bytes[at + 156] === GLOBAL_HEADER && bytes.toString('latin1', at + 257, at + 262) === 'ustar')
        throw new IndexFault('holds a global header of tar, which no index has', []);
    rest = bytes.subarray(whole);
    if (whole > 0) yield bytes.subarray(0, whole);
  }
  if (rest.length > 0) yield rest;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
