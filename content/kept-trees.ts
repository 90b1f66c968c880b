import { mkdir, readdir, rename, stat } from 'node:fs/promises';
import { MillpondError, systemCode } from '../core/errors.js';
import { isStamp, type KeptGeneration, type RemovalReason } from '../core/kept.js';
import type { Generation } from '../core/generation.js';
import { runChild } from '../platform/child.js';
import type { Store } from '../store/open.js';
import type { Layout } from './layout.js';
import type { KeptTree, PublishedTrees } from './published-trees.js';
import { linkTree } from './slots.js';

const REMOVE_TIMEOUT_MS = 6 * 3600 * 1000;

export interface KeptTreesParts {
  readonly store: Store;
  readonly layout: Layout;
  readonly trees: PublishedTrees;
  readonly clock: () => number;
  /** For the environment of child processes. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends what is under way; it is tidied up at the next start. */
  readonly signal: AbortSignal;
}

/**
 * Makes the tree of `live` a kept one under `stamp`: complete or not at all, since it is built under another name.
 * @throws MillpondError no-space, internal; the signal's reason
 */
export async function keepTree(parts: KeptTreesParts, live: Generation, stamp: string): Promise<KeptGeneration> {
  const { store, layout, clock, env, signal } = parts;
  const { mirror } = live;
  await mkdir(layout.keptFolder(mirror), { recursive: true });
  const temporary = layout.newKept(mirror);
  await removeTree(temporary, parts);
  await linkTree(layout.slot(mirror, live.slot), temporary, layout.kept(mirror, stamp), { env, signal });
  const kept: KeptGeneration = {
    ...{ mirror, stamp, generation: live.id, runId: live.runId, files: live.files, bytes: live.bytes },
    ...{ markerValue: live.markerValue, markerTime: live.markerTime },
    ...{ publishedAt: live.publishedAt, keptAt: clock() },
  };
  store.kept.add(kept);
  await serveKept(parts, mirror);
  return kept;
}

/** Nobody is served from it any more, then it is removed. */
export async function removeKept(
  parts: KeptTreesParts,
  { mirror, stamp }: Pick<KeptGeneration, 'mirror' | 'stamp'>,
  because: RemovalReason,
): Promise<void> {
  const { store, layout, clock } = parts;
  store.transaction(() => store.kept.remove(mirror, stamp, { at: clock(), because }));
  await serveKept(parts, mirror);
  const gone = layout.goneKept(mirror, stamp);
  await removeTree(gone, parts);
  if (await moved(layout.kept(mirror, stamp), gone)) await removeTree(gone, parts);
}

/**
 * Brings records and disk in agreement: what was half made or half removed goes, what only the disk knows is recorded
 * (the database may have been lost), what only the database knows is told to be lost.
 */
export async function settleKept(parts: KeptTreesParts, mirror: string): Promise<void> {
  const { store, layout, clock } = parts;
  const names = await namesIn(layout.keptFolder(mirror));
  for (const name of names) {
    const stamp = name.slice(1);
    if (name === 'new' || name.startsWith('gone-')) await removeTree(`${layout.keptFolder(mirror)}/${name}`, parts);
    else if (name.startsWith('@') && isStamp(stamp) && !store.kept.list(mirror).some((each) => each.stamp === stamp))
      store.kept.add({
        ...{ mirror, stamp, generation: null, runId: null, files: null, bytes: null },
        ...{ markerValue: null, markerTime: null, publishedAt: Date.parse(stamp), keptAt: clock() },
      });
  }
  for (const { stamp } of store.kept.list(mirror))
    if (!names.includes(`@${stamp}`))
      store.transaction(() => store.kept.remove(mirror, stamp, { at: clock(), because: 'lost' }));
}

/** Serves those that are recorded. */
export async function serveKept({ store, layout, trees }: KeptTreesParts, mirror: string): Promise<void> {
  const known = trees.get(mirror)?.kept ?? [];
  const kept = store.kept.list(mirror).map((each): KeptTree => {
    const before = known.find(({ stamp }) => stamp === each.stamp);
    return before ?? { stamp: each.stamp, root: layout.kept(mirror, each.stamp), generation: generationOf(each) };
  });
  if (kept.length === known.length && kept.every((each, index) => each === known[index])) return;
  trees.setKept(mirror, kept);
  await trees.everywhere();
}

/** As listings tell of it. */
function generationOf({ mirror, generation, publishedAt, ...kept }: KeptGeneration): Generation {
  return {
    ...{ id: generation ?? 0, mirror, runId: kept.runId, slot: 'a', state: 'recycled' },
    ...{ files: kept.files ?? 0, bytes: kept.bytes ?? 0 },
    ...{ markerValue: kept.markerValue, markerTime: kept.markerTime, verification: null },
    ...{ publishedAt, confirmedAt: publishedAt },
  };
}

/** In a process of its own: a tree may hold millions of names. Nothing there is fine. */
async function removeTree(path: string, { env, signal }: KeptTreesParts): Promise<void> {
  if (!(await exists(path))) return;
  const end = await runChild('rm', ['-rf', '--', path], { timeoutMs: REMOVE_TIMEOUT_MS, env, signal });
  signal.throwIfAborted();
  if (end.code !== 0)
    throw new MillpondError(
      'internal',
      `removing "${path}" failed: ${end.endedBecause ?? end.stderr.split('\n')[0] ?? ''}`,
    );
}

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
