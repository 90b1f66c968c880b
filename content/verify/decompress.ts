import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { messageOf } from '../../core/errors.js';
import { startChild } from '../../platform/child.js';

/** What is compressed cannot be read: the end of a sentence that begins with the file. */
export class Undecompressable extends Error {}

const COMPRESSIONS = ['', '.gz', '.xz', '.bz2', '.lzma', '.zst'] as const;
/** A form of compression, by the suffix of the file's name; empty is none. */
export type Compression = (typeof COMPRESSIONS)[number];

/** The largest dictionary that any archive asks for is 64 MiB. */
const MEMORY = '128MiB';
const PROGRAMS: Readonly<Record<Exclude<Compression, '' | '.gz'>, readonly [string, ...string[]]>> = {
  '.xz': ['xz', '--decompress', '--stdout', '--format=xz', '--threads=1', `--memlimit-decompress=${MEMORY}`],
  '.lzma': ['xz', '--decompress', '--stdout', '--format=lzma', `--memlimit-decompress=${MEMORY}`],
  '.bz2': ['bzip2', '--decompress', '--stdout'],
  '.zst': ['zstd', '--decompress', '--stdout', '--quiet', '--memory=128MB'],
};

/** The compression that the end of a name tells, and the name without it. */
export function compressionOf(name: string): { plain: string; compression: Compression } {
  const compression = COMPRESSIONS.find((suffix) => suffix !== '' && name.endsWith(suffix)) ?? '';
  return { plain: name.slice(0, name.length - compression.length), compression };
}

const MAGIC: readonly (readonly [hex: string, Compression])[] = [
  ['1f8b', '.gz'],
  ['fd377a585a00', '.xz'],
  ['425a68', '.bz2'],
  ['28b52ffd', '.zst'],
];

/** The compression that the first bytes tell; those of lzma cannot be told. */
export function compressionByContent(bytes: Buffer): Compression {
  const start = bytes.subarray(0, 6).toString('hex');
  return MAGIC.find(([magic]) => start.startsWith(magic))?.[1] ?? '';
}

/**
 * The bytes of a file without its compression, at the pace of whoever reads them.
 * @throws Undecompressable when it is damaged or holds more than `most` bytes, MillpondError unavailable when a program
 *   is missing, the signal's reason, system errors
 */
export async function* decompressed(
  path: Buffer,
  compression: Compression,
  { most, signal, env }: { most: number; signal: AbortSignal; env: Readonly<Record<string, string>> },
): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of plainBytes(path, compression, { signal, env })) {
    size += chunk.length;
    if (size > most) throw new Undecompressable(`holds more than ${most} bytes when it is decompressed`);
    yield chunk;
  }
}

async function* plainBytes(
  path: Buffer,
  compression: Compression,
  { signal, env }: { signal: AbortSignal; env: Readonly<Record<string, string>> },
): AsyncGenerator<Buffer> {
  const file = await open(path, 'r');
  try {
    if (compression === '') yield* file.createReadStream({ signal, autoClose: false }) as AsyncIterable<Buffer>;
    else if (compression === '.gz') yield* gunzipped(file.createReadStream({ signal, autoClose: false }), signal);
    else yield* printedBy(PROGRAMS[compression], file.createReadStream({ autoClose: false }), { signal, env });
  } finally {
    await file.close();
  }
}

async function* gunzipped(compressed: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  compressed.on('error', (error) => gunzip.destroy(error));
  compressed.pipe(gunzip);
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    signal.throwIfAborted();
    throw new Undecompressable(`cannot be decompressed (${messageOf(error)})`);
  } finally {
    gunzip.destroy();
  }
}

async function* printedBy(
  [program, ...args]: readonly [string, ...string[]],
  inputStream: Readable,
  { signal, env }: { signal: AbortSignal; env: Readonly<Record<string, string>> },
): AsyncGenerator<Buffer> {
  signal.throwIfAborted();
  const child = startChild(program, args, { inputStream, readStdout: true, env });
  const onAbort = (): void => void child.end('it is no longer wanted', 1_000);
  signal.addEventListener('abort', onAbort, { once: true });
  let isRead = false;
  try {
    yield* (child.stdout ?? []) as AsyncIterable<Buffer>;
    isRead = true;
  } finally {
    signal.removeEventListener('abort', onAbort);
    if (!isRead) await child.end('nobody reads on', 1_000);
  }
  const { code, stderr } = await child.ended;
  signal.throwIfAborted();
  if (code !== 0)
    throw new Undecompressable(`cannot be decompressed (${stderr.trim().split('\n')[0] ?? `${program} failed`})`);
}
