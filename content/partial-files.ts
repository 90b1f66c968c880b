import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { bytePath } from './byte-path.js';

// rsync receives into ".<name>.<6 characters>" and renames when the file is complete (rsync, get_tmpname)
const TEMPORARY = /^\.(.+)\.[A-Za-z0-9]{6}$/s;

/**
 * Turns what a killed rsync was receiving into partial files, which the next rsync goes on from.
 * rsync does this itself when it is asked to end, but not after `kill -9`. Returns how many were kept.
 */
export async function salvagePartialFiles(folder: string): Promise<number> {
  let kept = 0;
  const names = await readdir(folder, { encoding: 'latin1' }).catch(() => []);
  for (const name of names) {
    const original = TEMPORARY.exec(name)?.[1];
    if (original === undefined) continue;
    const temporary = bytePath(folder, name);
    const partial = bytePath(folder, original);
    const [received, known] = await Promise.all([sizeOf(temporary), sizeOf(partial)]);
    if (received > known) {
      await rename(temporary, partial);
      kept++;
    } else await rm(temporary, { recursive: true, force: true });
  }
  return kept;
}

/** Empties the folder: nothing in it is worth keeping once a tree is whole. */
export async function clearPartialFiles(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
}

async function sizeOf(path: Buffer): Promise<number> {
  try {
    const found = await lstat(path);
    return found.isFile() ? found.size : -1;
  } catch {
    return -1; // not there, or unreadable: worth nothing either way
  }
}
