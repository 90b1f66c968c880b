import { createHash, type Hash } from 'node:crypto';

/** `<algorithm>:<lower-case hex>`, as in the OCI image specification, "Digests". */
export type Digest = string;

/** Characters of hex of each algorithm that is known. sha256 must be supported, sha512 should (image specification). */
export const DIGEST_ALGORITHMS: Readonly<Record<string, number>> = { sha256: 64, sha512: 128 };

const DIGEST = /^([a-z0-9]+):([a-f0-9]+)$/;

/** The parts of a digest of a known algorithm and the right length, or undefined. */
export function parseDigest(text: string): { algorithm: string; hex: string } | undefined {
  const [, algorithm = '', hex = ''] = DIGEST.exec(text) ?? [];
  return hex !== '' && DIGEST_ALGORITHMS[algorithm] === hex.length ? { algorithm, hex } : undefined;
}

export function isDigest(text: string): boolean {
  return parseDigest(text) !== undefined;
}

/** A hash that is fed the bytes of what `digest` names. `digest` must be one. */
export function hasherOf(digest: Digest): Hash {
  return createHash(digest.slice(0, digest.indexOf(':')));
}

/** The digest of `bytes`, by sha256 unless another known algorithm is named. */
export function digestOf(bytes: Buffer | string, algorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

/** The first characters of the hex, for people. */
export function shortDigest(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1).slice(0, 12);
}
