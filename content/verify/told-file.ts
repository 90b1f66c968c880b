import { stat } from 'node:fs/promises';
import { displayName } from '../../core/tree-path.js';
import { bytePath } from '../byte-path.js';
import { hashFile } from './hash-file.js';
import { algorithmOf, type Reference } from './reference-record.js';
import type { VerifyRequest } from './verifier.js';

/** What is wrong with a file that an index tells of, whose hash is always looked at: the end of a sentence, or null. */
export async function toldFileProblem(
  { root, signal }: VerifyRequest,
  { path, size, digest }: Reference,
  index: string,
): Promise<string | null> {
  const by = `"${displayName(index)}"`;
  const found = await stat(bytePath(root, path)).catch(() => null);
  if (!found) return `is missing, and ${by} names it`;
  if (!found.isFile()) return `is not a file, and ${by} names it as one`;
  if (size !== null && found.size !== size) return `has ${found.size} bytes instead of the ${size} that ${by} tells`;
  if (digest === null) return null;
  const digests = await hashFile(bytePath(root, path), [algorithmOf(digest)], signal);
  return digests?.[0] === digest ? null : `does not have the hash that ${by} tells`;
}
