import type { Stats } from 'node:fs';
import type { Change } from '../../change-list.js';
import { eachLimited } from '../../each-limited.js';
import { PARTIAL_FOLDER } from '../../partial-files.js';
import { RealFolders } from '../../real-folders.js';
import { walk } from '../../walk.js';
import { MAX_FINDINGS, withoutRecords, type Finding, type Verified, type VerifyRequest } from '../verifier.js';
import { leadsInside } from './symlinks.js';

const UNDER_WAY = 16;
const SPECIAL_BITS = 0o7000;

/**
 * What must hold for every tree, whatever is in it: not empty; only files, folders and links; no setuid, setgid or
 * sticky bit; no link that leads out of the tree; no leftover of a transfer.
 */
export async function verify({
  root,
  changes,
  signal,
}: Pick<VerifyRequest, 'root' | 'changes' | 'signal'>): Promise<Verified> {
  const findings: Finding[] = [];
  const tree = new RealFolders(root);
  await eachLimited(changes ? doubtful(changes()) : allPaths(root, signal), UNDER_WAY, async (path) => {
    signal.throwIfAborted();
    const problem = await problemOf(root, path, await tree.at(path));
    if (problem && findings.length < MAX_FINDINGS) findings.push({ path, problem, fetchAgain: [] });
  });
  if (findings.length === 0 && !(await hasFile(root, signal)))
    findings.push({ path: '', problem: 'the tree holds no file', fetchAgain: [] });
  return withoutRecords(findings);
}

/** Files and folders that rsync has itemised are what it says, with the modes of its --chmod; links may lead anywhere. */
async function* doubtful(changes: AsyncIterable<Change>): AsyncGenerator<string> {
  for await (const { kind, path } of changes)
    if (kind === 'link' || kind === 'other' || path.includes(PARTIAL_FOLDER)) yield path;
}

async function problemOf(root: string, path: string, found: Stats | null): Promise<string | undefined> {
  if (!found) return undefined; // deleted by a later change
  if (path.split('/').includes(PARTIAL_FOLDER)) return 'is a leftover of a transfer';
  if (found.isSymbolicLink())
    return (await leadsInside(root, path)) ? undefined : 'is a link that leads out of the tree';
  if (!found.isFile() && !found.isDirectory()) return 'is neither a file, a folder nor a link';
  if ((found.mode & SPECIAL_BITS) !== 0) return 'has a setuid, setgid or sticky bit';
  return undefined;
}

/** Whether there is a regular file anywhere; ends at the first one. */
async function hasFile(root: string, signal: AbortSignal): Promise<boolean> {
  for await (const { isFile } of walk(root, signal)) if (isFile) return true;
  return false;
}

async function* allPaths(root: string, signal: AbortSignal): AsyncGenerator<string> {
  for await (const { path } of walk(root, signal)) yield path;
}
