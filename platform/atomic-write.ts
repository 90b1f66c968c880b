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
