import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { systemCode } from '../../core/errors.js';
import { apkPackageHash } from './apk/package-hash.js';
import type { DigestAlgorithm, FileDigest, HashAlgorithm } from './reference-record.js';

/** The digests of a file, in the order of `algorithms`; null when it is not there. @throws the signal's reason */
export async function hashFile(
  path: Buffer,
  algorithms: readonly DigestAlgorithm[],
  signal: AbortSignal,
): Promise<FileDigest[] | null> {
  try {
    const hashes = await hashesOfBytes(path, algorithms.filter(isHash), signal);
    const ofPackage = algorithms.includes('apk') ? await apkPackageHash(path, signal) : null;
    return algorithms.map((algorithm): FileDigest => {
      return `${algorithm}:${(algorithm === 'apk' ? ofPackage : hashes.get(algorithm)) ?? ''}`;
    });
  } catch (error) {
    signal.throwIfAborted();
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

async function hashesOfBytes(
  path: Buffer,
  algorithms: readonly HashAlgorithm[],
  signal: AbortSignal,
): Promise<Map<HashAlgorithm, string>> {
  const hashes = algorithms.map((algorithm) => ({ algorithm, hash: createHash(algorithm) }));
  if (hashes.length > 0)
    for await (const chunk of createReadStream(path, { signal, highWaterMark: 256 * 1024 }))
      for (const { hash } of hashes) hash.update(chunk as Buffer);
  return new Map(hashes.map(({ algorithm, hash }) => [algorithm, hash.digest('hex')]));
}

function isHash(algorithm: DigestAlgorithm): algorithm is HashAlgorithm {
  return algorithm !== 'apk';
}
