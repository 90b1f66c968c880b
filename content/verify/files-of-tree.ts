import { readdir, readFile, stat } from 'node:fs/promises';
import { systemCode } from '../../core/errors.js';
import { bytePath } from '../byte-path.js';
import type { VerifyRequest } from './verifier.js';

/** The content of a file below `root`, if it has at most `most` bytes; null where there is none. */
export async function readSmall(root: string, path: string, most: number): Promise<Buffer | 'too large' | null> {
  const file = bytePath(root, path);
  try {
    const found = await stat(file);
    if (!found.isFile()) return null;
    return found.size > most ? 'too large' : await readFile(file);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(systemCode(error) ?? '')) return null;
    throw error;
  }
}

/** Whether clients have this very file already. */
export async function isPublished({ root, published }: VerifyRequest, path: string, most: number): Promise<boolean> {
  if (published === null) return false;
  const [here, there] = [await readSmall(root, path, most), await readSmall(published, path, most)];
  return Buffer.isBuffer(here) && Buffer.isBuffer(there) && here.equals(there);
}

/** Whether there is a file, or a link that leads to one. */
export async function isFileIn(root: string | null, path: string): Promise<boolean> {
  if (root === null) return false;
  const found = await stat(bytePath(root, path)).catch(() => null);
  return found?.isFile() ?? false;
}

/** The names (bytes in latin1, sorted) of all that is in the folder; none where there is no such folder. */
export async function namesIn(root: string, folder: string): Promise<string[]> {
  try {
    const names = await readdir(bytePath(root, folder), { encoding: 'buffer' });
    return names.map((name) => name.toString('latin1')).sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemCode(error) ?? '')) return [];
    throw error;
  }
}
