import type { Stats } from 'node:fs';
import { link, mkdir, readlink, rename, rm, rmdir, symlink, unlink } from 'node:fs/promises';
import { MillpondError, messageOf, systemCode } from '../core/errors.js';
import { runChild } from '../platform/child.js';
import { bytePath, lstatOrNull, parentPath } from './byte-path.js';
import { dropDeletions, readChanges } from './change-list.js';
import { eachLimited } from './each-limited.js';

const UNDER_WAY = 16;
const LINK_TREE_TIMEOUT_MS = 6 * 3600 * 1000;

/**
 * Builds `target` as a tree of hard links to `source`, complete or not at all: it is made as `temporary` and renamed.
 * @throws MillpondError no-space, internal
 */
export async function linkTree(source: string, temporary: string, target: string): Promise<void> {
  await rm(temporary, { recursive: true, force: true });
  const end = await runChild('cp', ['-al', '--', source, temporary], { timeoutMs: LINK_TREE_TIMEOUT_MS });
  if (end.code !== 0)
    throw new MillpondError(
      /No space left|quota exceeded/i.test(end.stderr) ? 'no-space' : 'internal',
      `linking "${source}" to "${target}" failed: ${end.stderr.split('\n')[0] ?? ''}`,
    );
  await rename(temporary, target);
}

/**
 * Makes the paths that `list` names in `target` what they are in `source`, by hard links: O(changes), never a walk.
 * Torn or lost lists are harmless, since the pull that follows makes the tree right. Returns the paths looked at.
 */
export async function replayChanges(list: string, source: string, target: string): Promise<number> {
  let replayed = 0;
  const goneFolders: string[] = [];
  await eachLimited(readChanges(list), UNDER_WAY, async (change) => {
    if (change.attributesOnly || change.path === '.') return;
    replayed++;
    if ((await replayPath(source, target, change.path)) === 'folder-left') goneFolders.push(change.path);
  });
  // what was in them is gone by now; those within others come first, as they were deleted
  goneFolders.sort((a, b) => b.length - a.length);
  for (const path of goneFolders) await rmdir(bytePath(target, path)).catch(ignoreUnless());
  return replayed;
}

/** Puts what `list` says was deleted from `target` back from `source`, and takes it off the list. Returns how much. */
export async function restoreDeleted(list: string, source: string, target: string): Promise<number> {
  let restored = 0;
  await eachLimited(readChanges(list), UNDER_WAY, async (change) => {
    if (change.kind !== 'deleted' || (await lstatOrNull(bytePath(target, change.path)))) return;
    await replayPath(source, target, change.path);
    restored++;
  });
  await dropDeletions(list);
  return restored;
}

async function replayPath(source: string, target: string, path: string): Promise<'done' | 'folder-left'> {
  const from = bytePath(source, path);
  const to = bytePath(target, path);
  const [wanted, present] = await Promise.all([lstatOrNull(from), lstatOrNull(to)]);
  if (wanted?.isDirectory()) {
    await mkdir(to, { recursive: true }).catch(ignoreUnless('ENOSPC', 'EDQUOT'));
  } else if (!wanted) {
    if (present?.isDirectory()) return 'folder-left';
    if (present) await unlink(to).catch(ignoreUnless());
  } else if (!present?.isDirectory() && !isSame(wanted, present)) {
    await mkdir(bytePath(target, parentPath(path)), { recursive: true }).catch(ignoreUnless('ENOSPC', 'EDQUOT'));
    await putInPlace(from, to, wanted).catch(ignoreUnless('ENOSPC', 'EDQUOT'));
  }
  return 'done';
}

async function putInPlace(from: Buffer, to: Buffer, wanted: Stats): Promise<void> {
  await unlink(to).catch(ignoreUnless());
  if (wanted.isSymbolicLink()) await symlink(await readlink(from, { encoding: 'buffer' }), to);
  else if (wanted.isFile()) await link(from, to);
}

function isSame(wanted: Stats, present: Stats | null): boolean {
  return present !== null && wanted.ino === present.ino && wanted.dev === present.dev;
}

/** The replay only saves downloading twice, so that a path it cannot place is left to rsync, unless the disk is full. */
function ignoreUnless(...fatal: string[]): (error: unknown) => void {
  return (error) => {
    if (fatal.includes(systemCode(error) ?? ''))
      throw new MillpondError('no-space', messageOf(error), { cause: error });
  };
}
