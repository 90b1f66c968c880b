import { hash } from 'node:crypto';

/** Of all bytes of a file; strongest first. */
export const HASH_ALGORITHMS = ['sha512', 'sha256', 'sha1', 'md5'] as const;
export type HashAlgorithm = (typeof HASH_ALGORITHMS)[number];
/** Also what indexes of apk tell. */
export const DIGEST_ALGORITHMS = [...HASH_ALGORITHMS, 'apk'] as const;
export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];
/** `sha256:` and lower case hexadecimal digits. */
export type FileDigest = `${DigestAlgorithm}:${string}`;

/** A file that an index names. */
export interface Reference {
  /** Below the root of the tree, bytes in latin1; no segment is empty, `.` or `..`. */
  readonly path: string;
  /** Bytes, or null where the index does not tell. */
  readonly size: number | null;
  /** Null where the index tells none. */
  readonly digest: FileDigest | null;
  /** It is a link to this file, which the index names besides. */
  readonly leadsTo?: string;
}

/** The first 64 bits of a hash: of 2 million paths, two are equal with a probability of 1 in 9 million. */
export type Key = bigint;

export function pathKey(path: string): Key {
  return keyOf(path);
}

export function referenceKey({ path, size, digest, leadsTo }: Reference): Key {
  return keyOf(`${path}\0${size ?? ''}\0${digest ?? ''}${leadsTo === undefined ? '' : `\0${leadsTo}`}`);
}

function keyOf(text: string): Key {
  return hash('sha256', Buffer.from(text, 'latin1'), 'buffer').readBigUInt64LE();
}

const MAGIC = 0x3170_646d; // "mdp1"
const HEADER_BYTES = 16;
const KEY_BYTES = 8;

/** What an index names, as sorted keys: enough to tell whether a file is among it, and little to keep (16 bytes each). */
export class ReferenceRecord {
  constructor(
    private readonly paths: BigUint64Array,
    private readonly references: BigUint64Array,
    /** Those by which any of the files is told. */
    readonly algorithms: readonly DigestAlgorithm[],
  ) {}

  names(path: Key): boolean {
    return holds(this.paths, path);
  }

  holds(reference: Key): boolean {
    return holds(this.references, reference);
  }

  /** Whether the file at `path` (a path that is named) may be as it is: its size, and its hash by each of `algorithms`. */
  agrees(path: string, size: number, digests: readonly FileDigest[]): boolean {
    return [null, ...digests].some((digest) =>
      [size, null].some((told) => this.holds(referenceKey({ path, size: told, digest }))),
    );
  }

  toBytes(): Buffer {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(MAGIC, 0);
    header.writeUInt32LE(this.paths.length, 4);
    header.writeUInt32LE(maskOf(this.algorithms), 8);
    return Buffer.concat([header, bytesOf(this.paths), bytesOf(this.references)]);
  }

  /** Null for anything but what `toBytes` has made. */
  static fromBytes(bytes: Buffer): ReferenceRecord | null {
    if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) return null;
    const end = HEADER_BYTES + bytes.readUInt32LE(4) * KEY_BYTES;
    if (bytes.length !== 2 * end - HEADER_BYTES) return null;
    const mask = bytes.readUInt32LE(8);
    return new ReferenceRecord(
      keysOf(bytes.subarray(HEADER_BYTES, end)),
      keysOf(bytes.subarray(end)),
      DIGEST_ALGORITHMS.filter((_, bit) => (mask & (1 << bit)) !== 0),
    );
  }
}

/** Collects what an index names. */
export class RecordBuilder {
  #paths = new BigUint64Array(1024);
  #references = new BigUint64Array(1024);
  readonly #algorithms = new Set<DigestAlgorithm>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(reference: Reference, key: Key): void {
    if (this.#count === this.#paths.length) {
      this.#paths = grown(this.#paths);
      this.#references = grown(this.#references);
    }
    this.#paths[this.#count] = pathKey(reference.path);
    this.#references[this.#count] = key;
    this.#count += 1;
    if (reference.digest) this.#algorithms.add(algorithmOf(reference.digest));
  }

  build(): ReferenceRecord {
    const sorted = (keys: BigUint64Array): BigUint64Array => keys.slice(0, this.#count).sort();
    const algorithms = DIGEST_ALGORITHMS.filter((name) => this.#algorithms.has(name));
    return new ReferenceRecord(sorted(this.#paths), sorted(this.#references), algorithms);
  }
}

export function algorithmOf(digest: FileDigest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(':')) as DigestAlgorithm;
}

function grown(keys: BigUint64Array): BigUint64Array<ArrayBuffer> {
  const larger = new BigUint64Array(keys.length * 2);
  larger.set(keys);
  return larger;
}

function holds(keys: BigUint64Array, key: Key): boolean {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? 0n) < key) low = middle + 1;
    else high = middle;
  }
  return low < keys.length && keys[low] === key;
}

function maskOf(algorithms: readonly DigestAlgorithm[]): number {
  return algorithms.reduce((mask, name) => mask | (1 << DIGEST_ALGORITHMS.indexOf(name)), 0);
}

function bytesOf(keys: BigUint64Array): Buffer {
  return Buffer.from(keys.buffer, keys.byteOffset, keys.byteLength);
}

/** A copy: what was read from a file need not begin at a multiple of 8. */
function keysOf(bytes: Buffer): BigUint64Array {
  return new BigUint64Array(new Uint8Array(bytes).buffer);
}
