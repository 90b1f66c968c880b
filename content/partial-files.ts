import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { bytePath, lstatOrNull } from './byte-path.js';

// with --temp-dir rsync receives into "<name>.<6 characters>", and renames when the file is complete
const TEMPORARY = /^(.+)\.[A-Za-z0-9]{6}$/s;
/** mkstemp(3) makes it for its owner alone; what rsync keeps as a partial file has the mode of the whole one. */
const NOT_OWNER = 0o077;
const PARTIAL_MODE = 0o644;

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
    const [received, known] = await Promise.all([lstatOrNull(temporary), lstatOrNull(partial)]);
    if (!received?.isFile() || (received.mode & NOT_OWNER) !== 0) continue;
    if (known && received.size <= known.size) await rm(temporary);
    else {
      await chmod(temporary, PARTIAL_MODE);
      await rename(temporary, partial);
      kept++;
    }
  }
  return kept;
}

/** Empties the folder: nothing in it is worth keeping once a tree is whole. */
export async function clearPartialFiles(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
}
