import { createHash, hash as hashOnce, type Hash } from 'node:crypto';

/** All that is told of the bytes of one file. Hashes are raw; lists of hashes are the hashes one after the other. */
export interface FileHash {
  /** Bytes. */
  readonly size: number;
  readonly sha256: Buffer;
  /** Bytes of a piece, of all but the last: a power of two of at least 16 KiB. */
  readonly pieceLength: number;
  /** SHA-1 of each piece: a torrent's `pieces` (BEP 3). */
  readonly sha1Pieces: Buffer;
  /** SHA-256 of each piece: those of a metalink (RFC 5854 section 4.1.3). */
  readonly sha256Pieces: Buffer;
  /** Root of the Merkle tree over each piece: a torrent's `piece layers` (BEP 52). Empty where there is one piece. */
  readonly pieceLayer: Buffer;
  /** Root of the Merkle tree over the whole file (BEP 52); empty of an empty file. */
  readonly piecesRoot: Buffer;
}

/** Leaves of the Merkle tree (BEP 52). */
export const BLOCK = 16 * 1024;
const LARGEST_PIECE = 16 * 1024 * 1024;
/** So many pieces are few enough to be told to each client, and small enough to fetch again when one is wrong. */
const MOST_PIECES = 2048;
const ZERO = Buffer.alloc(32);

/** The piece length for a file of `size` bytes: at most 2048 pieces, as long as a piece has no more than 16 MiB. */
export function pieceLengthOf(size: number): number {
  let length = BLOCK;
  while (length < LARGEST_PIECE && size > length * MOST_PIECES) length *= 2;
  return length;
}

/** Computes the hashes of one file from its bytes in order, in one pass and in little memory. */
export class FileHasher {
  readonly #pieceLength: number;
  readonly #whole = createHash('sha256');
  readonly #sha1Pieces: Buffer[] = [];
  readonly #sha256Pieces: Buffer[] = [];
  readonly #roots: Buffer[] = [];
  #piece = newPiece();
  #hashed = 0;

  /** `size` is that of the whole file, in bytes. */
  constructor(private readonly size: number) {
    this.#pieceLength = pieceLengthOf(size);
  }

  /** Takes the next bytes: a multiple of 16 KiB each time but the last. */
  update(chunk: Buffer): void {
    this.#whole.update(chunk);
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + this.#pieceLength - (this.#hashed % this.#pieceLength));
      this.#piece.sha1.update(part);
      this.#piece.sha256.update(part);
      for (let block = 0; block < part.length; block += BLOCK)
        this.#piece.leaves.push(sha256(part.subarray(block, block + BLOCK)));
      at += part.length;
      this.#hashed += part.length;
      if (this.#hashed % this.#pieceLength === 0 || this.#hashed === this.size) this.#endPiece();
    }
  }

  /** @throws Error when not all bytes of the file were taken */
  digest(): FileHash {
    if (this.#hashed !== this.size) throw new Error(`${this.#hashed} of ${this.size} bytes were hashed`);
    return {
      size: this.size,
      sha256: this.#whole.digest(),
      pieceLength: this.#pieceLength,
      sha1Pieces: Buffer.concat(this.#sha1Pieces),
      sha256Pieces: Buffer.concat(this.#sha256Pieces),
      pieceLayer: this.#roots.length > 1 ? Buffer.concat(this.#roots) : Buffer.alloc(0),
      piecesRoot: this.#root(),
    };
  }

  #endPiece(): void {
    const { sha1, sha256, leaves } = this.#piece;
    this.#sha1Pieces.push(sha1.digest());
    this.#sha256Pieces.push(sha256.digest());
    // a file of one piece has a tree of its own blocks only; a last piece is filled up to the height of the others
    const width = this.size > this.#pieceLength ? this.#pieceLength / BLOCK : powerOfTwo(leaves.length);
    this.#roots.push(merkleRoot(leaves, width, ZERO));
    this.#piece = newPiece();
  }

  #root(): Buffer {
    if (this.#roots.length === 0) return Buffer.alloc(0);
    const ofNothing = merkleRoot([], this.#pieceLength / BLOCK, ZERO);
    return merkleRoot(this.#roots, powerOfTwo(this.#roots.length), ofNothing);
  }
}

interface Piece {
  readonly sha1: Hash;
  readonly sha256: Hash;
  /** Of its blocks. */
  readonly leaves: Buffer[];
}

function newPiece(): Piece {
  return { sha1: createHash('sha1'), sha256: createHash('sha256'), leaves: [] };
}

/** The root over `width` nodes (a power of two), of which those that are not in `nodes` are `filler` (BEP 52). */
function merkleRoot(nodes: readonly Buffer[], width: number, filler: Buffer): Buffer {
  let layer = nodes;
  let fill = filler;
  for (let count = width; count > 1; count /= 2) {
    const above: Buffer[] = [];
    for (let at = 0; at < layer.length; at += 2)
      above.push(sha256(Buffer.concat([layer[at] ?? fill, layer[at + 1] ?? fill])));
    layer = above;
    fill = sha256(Buffer.concat([fill, fill]));
  }
  return layer[0] ?? fill;
}

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}

function sha256(bytes: Buffer): Buffer {
  return hashOnce('sha256', bytes, 'buffer');
}
