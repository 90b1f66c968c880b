import type { Stats } from 'node:fs';
import { link, readlink, rename, rm, rmdir, symlink, unlink } from 'node:fs/promises';
import { MillpondError, messageOf, systemCode } from '../core/errors.js';
import { runChild } from '../platform/child.js';
import { bytePath, lstatOrNull, parentPath } from './byte-path.js';
import { dropDeletions, readChanges, type Change } from './change-list.js';
import { eachLimited } from './each-limited.js';
import { replayPlainly } from './plain-replay.js';
import { RealFolders } from './real-folders.js';

const UNDER_WAY = 16;
const LINK_TREE_TIMEOUT_MS = 6 * 3600 * 1000;

/**
 * Builds `target` as a tree of hard links to `source`, complete or not at all: it is made as `temporary` and renamed.
 * `env` is added to the environment of the program that does it.
 * @throws MillpondError no-space, internal; the signal's reason when that ends it
 */
export async function linkTree(
  source: string,
  temporary: string,
  target: string,
  options: { env?: Readonly<Record<string, string>>; signal?: AbortSignal } = {},
): Promise<void> {
  await rm(temporary, { recursive: true, force: true });
  const end = await runChild('cp', ['-al', '--', source, temporary], { timeoutMs: LINK_TREE_TIMEOUT_MS, ...options });
  options.signal?.throwIfAborted();
  if (end.code !== 0)
    throw new MillpondError(
      /No space left|quota exceeded/i.test(end.stderr) ? 'no-space' : 'internal',
      `linking "${source}" to "${target}" failed: ${end.endedBecause ?? end.stderr.split('\n')[0] ?? ''}`,
    );
  await rename(temporary, target);
}

/**
 * Makes the paths that `list` names in `target` what they are in `source`, by hard links: O(changes), never a walk.
 * Torn or lost lists are harmless, since the pull that follows makes the tree right. Returns the paths looked at.
 */
export async function replayChanges(list: string, source: string, target: string): Promise<number> {
  const quick = await replayPlainly(list, source, target);
  if (quick.complete) return quick.paths;
  const replayed = await clearTheWay(list, source, target);
  const from = new RealFolders(source);
  const to = new RealFolders(target);
  await eachLimited(readChanges(list), UNDER_WAY, async (change) => {
    if (isOfContent(change)) await place(from, to, change.path, { source, target });
  });
  return replayed;
}

/** Puts what `list` says was deleted from `target` back from `source`, and takes it off the list. Returns how much. */
export async function restoreDeleted(list: string, source: string, target: string): Promise<number> {
  let restored = 0;
  const from = new RealFolders(source);
  const to = new RealFolders(target);
  await eachLimited(readChanges(list), UNDER_WAY, async (change) => {
    if (change.kind !== 'deleted' || (await lstatOrNull(bytePath(target, change.path)))) return;
    if (await place(from, to, change.path, { source, target })) restored++;
  });
  await dropDeletions(list);
  return restored;
}

function isOfContent(change: Change): boolean {
  return !change.attributesOnly && change.path !== '.';
}

/** Removes what `source` has not, or has as something else: a folder where a file or a link is, and the reverse. */
async function clearTheWay(list: string, source: string, target: string): Promise<number> {
  let paths = 0;
  const goneFolders: string[] = [];
  const from = new RealFolders(source);
  const to = new RealFolders(target);
  await eachLimited(readChanges(list), UNDER_WAY, async (change) => {
    if (!isOfContent(change)) return;
    paths++;
    const [wanted, present] = await Promise.all([from.at(change.path), to.at(change.path)]);
    if (!present || (wanted && wanted.isDirectory() === present.isDirectory())) return;
    if (present.isDirectory()) goneFolders.push(change.path);
    else await unlink(bytePath(target, change.path)).catch(ignoreUnless());
  });
  // what was in them is gone by now; a folder comes after those within it
  goneFolders.sort((a, b) => b.length - a.length);
  for (const path of goneFolders) await rmdir(bytePath(target, path)).catch(ignoreUnless());
  return paths;
}

/** Makes one path what it is in the source; whether it had to be, and could be, made. */
async function place(
  from: RealFolders,
  to: RealFolders,
  path: string,
  { source, target }: { source: string; target: string },
): Promise<boolean> {
  const wanted = await from.at(path);
  if (!wanted) return false;
  try {
    if (wanted.isDirectory()) return await to.make(path);
    if (!(await to.make(parentPath(path)))) return false;
    const present = await to.at(path);
    if (present?.isDirectory() || isSame(wanted, present)) return false;
    await putInPlace(bytePath(source, path), bytePath(target, path), wanted);
    return true;
  } catch (error) {
    ignoreUnless('ENOSPC', 'EDQUOT')(error);
    return false;
  }
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
