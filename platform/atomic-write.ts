import { chmodSync, chownSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open, rename, rm, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes renames, links and removals inside `folder` durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Points `link` to `target` in one step: a reader sees the old target or the new one, never nothing. */
export async function replaceSymlink(link: string, target: string): Promise<void> {
  const temporary = `${link}.new`;
  await rm(temporary, { force: true });
  await symlink(target, temporary);
  await rename(temporary, link);
  await syncFolder(dirname(link));
}

/** Writes a small file that programs read at any time: they see the old text or the new one. Only its owner may read it. */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, path);
}

/**
 * Writes an existing file anew as `replaceFile` does, with the mode and the owner that it had.
 * @throws the system's error, with the file as it was
 */
export function rewriteFile(path: string, text: string): void {
  const temporary = `${path}.new`;
  const before = statSync(path);
  try {
    writeFileSync(temporary, text, { mode: 0o600 });
    const { uid, gid } = statSync(temporary);
    if (uid !== before.uid || gid !== before.gid) chownSync(temporary, before.uid, before.gid);
    chmodSync(temporary, before.mode & 0o777);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
