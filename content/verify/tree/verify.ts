import type { Stats } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { bytePath, lstatOrNull } from '../../byte-path.js';
import { eachLimited } from '../../each-limited.js';
import { RealFolders } from '../../real-folders.js';
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
  await eachLimited(changed ?? walk(root), UNDER_WAY, async (path) => {
    signal.throwIfAborted();
    const problem = await problemOf(root, path, await tree.at(path));
    if (problem && findings.length < MAX_FINDINGS)
      findings.push({ path: Buffer.from(path, 'latin1').toString('utf8'), problem });
  });
  if (findings.length === 0 && !(await hasFile(root))) findings.push({ path: '', problem: 'the tree holds no file' });
  return findings;
}

async function problemOf(root: string, path: string, found: Stats | null): Promise<string | undefined> {
  if (!found) return undefined; // deleted by a later change
  if (path.split('/').includes('.~tmp~')) return 'is a leftover of a transfer';
  if (found.isSymbolicLink())
    return (await leadsInside(root, path)) ? undefined : 'is a link that leads out of the tree';
  if (!found.isFile() && !found.isDirectory()) return 'is neither a file, a folder nor a link';
  if ((found.mode & SPECIAL_BITS) !== 0) return 'has a setuid, setgid or sticky bit';
  return undefined;
}

/** Whether there is a regular file anywhere; ends at the first one. */
async function hasFile(root: string): Promise<boolean> {
  for await (const path of walk(root)) {
    const found = await lstatOrNull(bytePath(root, path));
    if (found?.isFile()) return true;
  }
  return false;
}

/** All paths below `root` but the root itself, bytes in latin1, folders before what is in them. */
async function* walk(root: string): AsyncGenerator<string> {
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    // Node takes 'latin1' here and keeps every byte; its types only know the name 'utf8' and its kin
    const entries = await opendir(bytePath(root, folder), { encoding: 'latin1' });
    for await (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      yield path;
      if (entry.isDirectory()) folders.push(path);
    }
  }
}
