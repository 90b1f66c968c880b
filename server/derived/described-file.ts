import type { FileHash } from '../../core/file-hash.js';
import type { RawName } from '../../core/tree-path.js';

/** All that the forms of a file are made of. */
export interface DescribedFile {
  /** Bytes in latin1. */
  readonly name: RawName;
  /** The same as text. */
  readonly shownName: string;
  readonly hash: FileHash;
  /** Milliseconds since the epoch. */
  readonly mtime: number;
  /** Absolute address here, without a query. */
  readonly url: string;
  /** Absolute addresses of the same file elsewhere, the best first. */
  readonly sources: readonly string[];
  /** Name and version of this program. */
  readonly generator: string;
  /** The mirror's title. */
  readonly publisher: string;
  /** An armored OpenPGP signature of the file, or null. */
  readonly signature: string | null;
}
