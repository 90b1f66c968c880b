import { Gunzip } from 'fflate';

/** Of the members that are looked into: signatures and descriptions, which have some kilobytes. */
const MOST_PLAIN = 64 * 1024 * 1024;
const PIECE = 16 * 1024;
const TAR_NAME_BYTES = 100;

/** What is no gzip, or unpacks to more than anything of apk. */
export class NoMembers extends Error {}

/**
 * Finds where the members of concatenated gzip data begin (RFC 1952 section 2.2), which is how apk divides its files into
 * signature, description and data, each a part of one tar archive.
 */
export class GzipMembers {
  /** Of all members whose beginning was seen. */
  readonly starts: number[] = [0];
  readonly #gunzip = new Gunzip();
  #plainBytes = 0;
  #head = Buffer.alloc(0);

  constructor() {
    this.#gunzip.ondata = (piece) => {
      this.#plainBytes += piece.length;
      if (this.#plainBytes > MOST_PLAIN) throw new NoMembers(`unpacks to more than ${MOST_PLAIN} bytes`);
      if (this.#head.length < TAR_NAME_BYTES)
        this.#head = Buffer.concat([this.#head, piece]).subarray(0, TAR_NAME_BYTES);
    };
    this.#gunzip.onmember = (offset) => void this.starts.push(offset);
  }

  /** The name of the first file of the archive; null while it is not known. */
  get firstName(): string | null {
    if (this.#head.length < TAR_NAME_BYTES && this.starts.length === 1) return null;
    return this.#head.toString('latin1').replace(/\0.*$/s, '');
  }

  /** Whether the first member holds signatures of what follows. */
  get isSigned(): boolean {
    return this.firstName?.startsWith('.SIGN.') ?? false;
  }

  /** Goes on with the next bytes until `enough`. @throws NoMembers */
  push(bytes: Buffer, enough: (members: this) => boolean): void {
    for (let at = 0; at < bytes.length && !enough(this); at += PIECE)
      try {
        this.#gunzip.push(bytes.subarray(at, at + PIECE));
      } catch (error) {
        if (error instanceof NoMembers) throw error;
        throw new NoMembers('is not compressed with gzip, or damaged');
      }
  }
}
