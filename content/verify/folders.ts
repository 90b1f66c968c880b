import { walk } from '../walk.js';
import { changedPaths } from './changed-paths.js';
import { readInForce } from './in-force.js';
import { foldersAbove } from './named-path.js';
import { checkReferences, type Index } from './references.js';
import { MAX_FINDINGS, withoutRecords, type Finding, type Verified, type VerifyRequest } from './verifier.js';

/** A kind of tree in which some folders hold indexes of what is in them or below them. */
export interface FolderKind {
  /** The folder (below the root; empty is the root) whose index a file or link of this path is; null where it is none. */
  readonly folderOfIndex: (path: string) => string | null;
  /** Whether the folder, of which no link is looked behind, holds an index. */
  readonly hasIndex: (root: string, folder: string) => Promise<boolean>;
  readonly verifyFolder: (context: FolderContext, folder: string) => Promise<VerifiedFolder>;
  /** What is wrong with a tree in which no folder holds an index; null for nothing. */
  readonly none: string | null;
}

export interface FolderContext {
  readonly request: VerifyRequest;
  /** What differs from the published tree (bytes in latin1); null when everything is looked at. */
  readonly changed: ReadonlySet<string> | null;
  /** The mirror takes from its upstream what it took for the published tree. */
  readonly sameSelection: boolean;
}

export interface VerifiedFolder {
  readonly findings: readonly Finding[];
  readonly indexes: readonly Index[];
}

/** Verifies each folder that holds indexes and in which, or below which, anything has changed; then what they name. */
export async function verifyFolders(request: VerifyRequest, kind: FolderKind): Promise<Verified> {
  const { root, signal, records, base, selection } = request;
  const changed = await changedPaths(request.changes, root);
  const known = await readInForce(records, base);
  const before = changed && known;
  const looked = before && changed;
  const touched = looked && foldersAbove(looked);
  const folders = touched ? await among(root, touched, kind) : await everywhere(root, signal, kind);
  const kept = before ? before.entries.filter(({ part }) => !touched?.has(part)) : [];
  const context = { request, changed: looked, sameSelection: known?.selection === selection };
  const findings: Finding[] = [];
  const indexes: Index[] = [];
  for (const folder of folders) {
    signal.throwIfAborted();
    if (findings.length >= MAX_FINDINGS) break;
    const found = await kind.verifyFolder(context, folder);
    findings.push(...found.findings);
    indexes.push(...found.indexes);
  }
  if (kind.none !== null && folders.length === 0 && kept.length === 0)
    findings.push({ path: '', problem: kind.none, fetchAgain: [] });
  if (findings.length > 0) return withoutRecords(findings.slice(0, MAX_FINDINGS));
  return checkReferences(request, { before, changed: looked, kept, indexes });
}

async function everywhere(root: string, signal: AbortSignal, kind: FolderKind): Promise<string[]> {
  const folders = new Set<string>();
  for await (const { path, isFolder } of walk(root, signal)) {
    const folder = isFolder ? null : kind.folderOfIndex(path);
    if (folder !== null) folders.add(folder);
  }
  return [...folders].sort();
}

async function among(root: string, candidates: Iterable<string>, kind: FolderKind): Promise<string[]> {
  const folders: string[] = [];
  for (const folder of candidates) if (await kind.hasIndex(root, folder)) folders.push(folder);
  return folders.sort();
}
