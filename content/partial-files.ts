import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { bytePath, lstatOrNull, parentPath } from './byte-path.js';
import { walk } from './walk.js';

/**
 * The folder beside a file in which rsync keeps what it has received of it (--partial-dir), also that of
 * --delay-updates. One folder for all partial files, outside of the tree, would be simpler; rsync with the fixes for
 * CVE-2026-43619 (Debian's 3.2.7-1+deb12u5) no longer goes on from such.
 */
export const PARTIAL_FOLDER = '.~tmp~';

// rsync receives "name" into ".name.AbC123" beside it, made by mkstemp(3) for its owner alone
const TEMPORARY = /^\.(.+)\.[A-Za-z0-9]{6}$/s;
const NOT_OWNER = 0o077;
const PARTIAL_MODE = 0o644;

/**
 * Turns what a killed rsync was receiving into partial files, which the next rsync goes on from; rsync does this
 * itself when it is asked to end. Returns how many were kept. A walk of the tree.
 */
export async function salvagePartialFiles(root: string, signal?: AbortSignal): Promise<number> {
  let kept = 0;
  for await (const { path, name, isFile } of walk(root, signal)) {
    const original = isFile ? TEMPORARY.exec(name)?.[1] : undefined;
    if (original !== undefined && (await salvage(root, path, original))) kept++;
  }
  return kept;
}

/** Removes all partial files, and what a killed rsync was receiving. A walk of the tree. */
export async function dropPartialFiles(root: string, signal?: AbortSignal): Promise<void> {
  for await (const { path, name, isFolder, isFile } of walk(root, signal)) {
    if (isFolder && name === PARTIAL_FOLDER) await rm(bytePath(root, path), { recursive: true, force: true });
    else if (isFile && TEMPORARY.test(name) && (await isTemporary(root, path))) await rm(bytePath(root, path));
  }
}

async function salvage(root: string, path: string, original: string): Promise<boolean> {
  const temporary = bytePath(root, path);
  const found = await lstatOrNull(temporary);
  if (!found || (found.mode & NOT_OWNER) !== 0) return false;
  const parent = parentPath(path);
  const folder = parent === '.' ? PARTIAL_FOLDER : `${parent}/${PARTIAL_FOLDER}`;
  const partial = bytePath(root, `${folder}/${original}`);
  const known = await lstatOrNull(partial);
  if (known && found.size <= known.size) {
    await rm(temporary);
    return false;
  }
  await mkdir(bytePath(root, folder), { recursive: true });
  await chmod(temporary, PARTIAL_MODE);
  await rename(temporary, partial);
  return true;
}

async function isTemporary(root: string, path: string): Promise<boolean> {
  const found = await lstatOrNull(bytePath(root, path));
  return found !== null && (found.mode & NOT_OWNER) === 0;
}
