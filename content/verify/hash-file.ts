import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { systemCode } from '../../core/errors.js';
import type { DigestAlgorithm, FileDigest } from './reference-record.js';

/** The digests of a file's bytes, in the order of `algorithms`; null when it is not there. @throws the signal's reason */
export async function hashFile(
  path: Buffer,
  algorithms: readonly DigestAlgorithm[],
  signal: AbortSignal,
): Promise<FileDigest[] | null> {
  const hashes = algorithms.map((algorithm) => createHash(algorithm));
  try {
    for await (const chunk of createReadStream(path, { signal, highWaterMark: 256 * 1024 }))
      for (const hash of hashes) hash.update(chunk as Buffer);
  } catch (error) {
    signal.throwIfAborted();
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
  return algorithms.map((algorithm, index): FileDigest => `${algorithm}:${hashes[index]?.digest('hex') ?? ''}`);
}
