import { stat } from 'node:fs/promises';
import { bytePath } from '../byte-path.js';
import type { Change } from '../change-list.js';

/** More are not kept in memory: looking at everything is then no slower. */
const MOST_PATHS = 500_000;

/**
 * The files (bytes in latin1) of the tree at `root` that were changed or deleted, and links to files; null when
 * everything must be looked at: there are too many, or links to folders are among them, behind which anything may have
 * changed.
 */
export async function changedPaths(
  changes: (() => AsyncIterable<Change>) | null,
  root: string,
): Promise<ReadonlySet<string> | null> {
  if (!changes) return null;
  const paths = new Set<string>();
  for await (const { kind, path, attributesOnly } of changes()) {
    if (kind === 'folder' || attributesOnly) continue;
    if (kind === 'other' || (kind === 'link' && (await leadsToFolder(root, path)))) return null;
    if (paths.size === MOST_PATHS) return null;
    paths.add(path);
  }
  return paths;
}

async function leadsToFolder(root: string, path: string): Promise<boolean> {
  const found = await stat(bytePath(root, path)).catch(() => null);
  return found?.isDirectory() ?? false;
}
