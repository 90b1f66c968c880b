import type { Change } from '../change-list.js';

/** More are not kept in memory: looking at everything is then no slower. */
const MOST_PATHS = 500_000;

/**
 * The files (bytes in latin1) that were changed or deleted; null when everything must be looked at: there are too many,
 * or links are among them, behind which anything may have changed.
 */
export async function changedPaths(changes: (() => AsyncIterable<Change>) | null): Promise<ReadonlySet<string> | null> {
  if (!changes) return null;
  const paths = new Set<string>();
  for await (const { kind, path, attributesOnly } of changes()) {
    if (kind === 'link' || kind === 'other') return null;
    if (kind === 'folder' || attributesOnly) continue;
    if (paths.size === MOST_PATHS) return null;
    paths.add(path);
  }
  return paths;
}
