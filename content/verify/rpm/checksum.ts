import type { DigestAlgorithm, FileDigest } from '../reference-record.js';
import { IndexFault } from '../index-fault.js';

/** As repositories name them; `sha` is what the oldest ones call SHA-1. */
const ALGORITHMS: Readonly<Record<string, readonly [DigestAlgorithm, number]>> = {
  ...{ sha256: ['sha256', 64], sha512: ['sha512', 128], sha1: ['sha1', 40], sha: ['sha1', 40], md5: ['md5', 32] },
};

/** The digest that `<checksum type=>` tells of `file`; null where it is of a kind that is not looked at. @throws IndexFault */
export function checksumOf(type: string, hex: string, file: string): FileDigest | null {
  const [algorithm, digits] = ALGORITHMS[type.toLowerCase()] ?? [];
  if (algorithm === undefined) return null;
  if (hex.length !== digits || !/^[0-9a-f]+$/i.test(hex))
    throw new IndexFault(`tells no ${algorithm} that is one of ${JSON.stringify(file.slice(0, 200))}`, []);
  return `${algorithm}:${hex.toLowerCase()}`;
}

/** A size in bytes; null where none is told. */
export function sizeOf(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
