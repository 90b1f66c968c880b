import type { Stats } from 'node:fs';
import { eachLimited } from '../../each-limited.js';
import { PARTIAL_FOLDER } from '../../partial-files.js';
import { RealFolders } from '../../real-folders.js';
import { walk } from '../../walk.js';
import { MAX_FINDINGS, type Finding, type VerifyRequest } from '../verifier.js';
import { leadsInside } from './symlinks.js';

const UNDER_WAY = 16;
const SPECIAL_BITS = 0o7000;

/**
 * What must hold for every tree, whatever is in it: not empty; only files, folders and links; no setuid, setgid or
 * sticky bit; no link that leads out of the tree; no leftover of a transfer.
 */
export async function verify({ root, changed, signal }: VerifyRequest): Promise<Finding[]> {
  const findings: Finding[] = [];
  const tree = new RealFolders(root);
  await eachLimited(changed ?? allPaths(root, signal), UNDER_WAY, async (path) => {
    signal.throwIfAborted();
    const problem = await problemOf(root, path, await tree.at(path));
    if (problem && findings.length < MAX_FINDINGS)
      findings.push({ path: Buffer.from(path, 'latin1').toString('utf8'), problem });
  });
  if (findings.length === 0 && !(await hasFile(root, signal)))
    findings.push({ path: '', problem: 'the tree holds no file' });
  return findings;
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
