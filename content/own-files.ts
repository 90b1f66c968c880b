import { chmod, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bytePath, parentPath } from './byte-path.js';
import { RealFolders } from './real-folders.js';

export interface OwnFile {
  /** Below the root of the tree, as text. */
  readonly path: string;
  readonly content: Buffer;
  /** Milliseconds since the epoch; null is now. */
  readonly modifiedAt: number | null;
}

/**
 * Puts a small file into a tree by rename(2): whoever reads sees the old file or the new one, and a file that shares its
 * bytes with another tree is replaced there and not written into. So it may be done to a tree that is being served.
 * `temporary` is a file beside the trees, on their file system. False when the tree has something else in the way: a
 * folder of that name, or a link among the folders above.
 */
export async function placeOwnFile(
  root: string,
  { path: text, content, modifiedAt }: OwnFile,
  temporary: string,
): Promise<boolean> {
  const folders = new RealFolders(root);
  const path = Buffer.from(text).toString('latin1');
  if (!(await folders.make(parentPath(path))) || (await folders.at(path))?.isDirectory()) return false;
  await mkdir(dirname(temporary), { recursive: true });
  await rm(temporary, { force: true });
  const handle = await open(temporary, 'wx');
  try {
    await handle.writeFile(content);
    if (modifiedAt !== null) await handle.utimes(modifiedAt / 1000, modifiedAt / 1000);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await chmod(temporary, 0o644);
  await rename(temporary, bytePath(root, path));
  return true;
}
