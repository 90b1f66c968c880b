import { lstat, mkdir, readdir, rm, stat } from 'node:fs/promises';
import type { Generation, SlotName } from '../core/generation.js';
import type { Run } from '../core/run.js';
import type { Store } from '../store/open.js';
import type { Layout } from './layout.js';
import { salvagePartialFiles } from './partial-files.js';
import { exposePublicly, hideFromPublic, liveSlot, switchLive } from './publish.js';
import type { PublishedTrees, PublishedTreesOfMirror } from './published-trees.js';

export interface ReconcileOptions {
  readonly store: Store;
  readonly layout: Layout;
  readonly trees: PublishedTrees;
  readonly clock: () => number;
  readonly log: { info(message: string): void };
}

/**
 * Brings records and disk in agreement after any kind of end, before anything is served or pulled. No process may be
 * writing to the trees any more. The disk is right about what is live; the records are right about all else.
 */
export async function reconcile(options: ReconcileOptions, configured: Iterable<string>): Promise<void> {
  const { store, layout, clock } = options;
  for (const run of store.runs.unfinished()) if (run.phase !== 'queued') markInterrupted(store, run, clock());
  const names = new Set(configured);
  for (const mirror of names) await settleMirror(options, mirror);
  for (const name of await namesIn(layout.publicFolder)) if (!names.has(name)) await hideFromPublic(layout, name);
}

/** The part of `reconcile` for one mirror, into which nothing may be writing. */
export async function settleMirror(options: ReconcileOptions, mirror: string): Promise<void> {
  await cleanUp(options.layout, mirror);
  await settlePublishing(options, mirror);
  await showMirror(options, mirror);
}

/** Serves what the records say about `mirror`, here and in the public folder. */
export async function showMirror(options: ReconcileOptions, mirror: string): Promise<void> {
  const { layout, trees } = options;
  trees.set(mirror, await treesOf(options, mirror));
  if (trees.get(mirror)) await exposePublicly(layout, mirror);
}

function markInterrupted(store: Store, run: Run, at: number): void {
  const message = `Millpond ended in the middle of ${run.phase}; the next run goes on from there.`;
  store.runs.update(run.id, { phase: 'ended', outcome: 'interrupted', message, endedAt: at });
  const staging = store.mirrors.staging(run.mirror);
  if (staging?.state === 'continued') store.mirrors.setStaging(run.mirror, { ...staging, state: 'uncertain' });
}

/** What `mirror` has to serve, from the records that were just settled. */
async function treesOf({ store, layout }: ReconcileOptions, mirror: string): Promise<PublishedTreesOfMirror | null> {
  const live = store.generations.live(mirror);
  const previous = store.generations.inState(mirror, 'previous');
  if (!live) return null;
  const root = (generation: Generation): string => layout.slot(generation.mirror, generation.slot);
  const isWhole = previous !== undefined && (await isFolder(root(previous)));
  return {
    live: { generation: live, root: root(live) },
    previous: isWhole ? { generation: previous, root: root(previous) } : null,
  };
}

async function cleanUp(layout: Layout, mirror: string): Promise<void> {
  await rm(`${layout.live(mirror)}.new`, { force: true });
  await salvagePartialFiles(layout.partial(mirror));
}

/** A publish that was recorded has happened if `live` says so; else it is forgotten, and the next run makes it. */
async function settlePublishing(options: ReconcileOptions, mirror: string): Promise<void> {
  const { store, layout, log } = options;
  const onDisk = await liveSlot(layout, mirror);
  const intended = store.generations.inState(mirror, 'publishing');
  const recorded = store.generations.live(mirror);
  if (intended && onDisk === intended.slot) {
    store.transaction(() => {
      if (recorded) store.generations.setState(recorded.id, recorded.slot === onDisk ? 'recycled' : 'previous');
      store.generations.setState(intended.id, 'live');
      store.mirrors.setStaging(mirror, null);
    });
    log.info(`${mirror}: the publish of generation ${intended.id} had happened; recorded now`);
    return;
  }
  if (intended) store.generations.remove(intended.id);
  if (recorded?.slot === onDisk) return;
  if (onDisk && (await isFolder(layout.slot(mirror, onDisk)))) adopt(options, mirror, { slot: onDisk, recorded });
  else if (recorded && (await isFolder(layout.slot(mirror, recorded.slot))))
    await switchLive(layout, mirror, recorded.slot);
  else if (recorded) store.generations.setState(recorded.id, 'recycled');
}

/** A live tree that the records do not know: the database was lost or restored, or somebody moved the link. */
function adopt(
  { store, clock, log }: ReconcileOptions,
  mirror: string,
  { slot, recorded }: { slot: SlotName; recorded: Generation | undefined },
): void {
  store.transaction(() => {
    if (recorded) store.generations.setState(recorded.id, 'recycled');
    const previous = store.generations.inState(mirror, 'previous');
    if (previous) store.generations.setState(previous.id, 'recycled');
    store.mirrors.setStaging(mirror, null);
    store.generations.add({
      ...{ mirror, slot, runId: null, state: 'live', files: 0, bytes: 0, markerValue: null, markerTime: null },
      ...{ publishedAt: clock(), confirmedAt: clock() },
    });
  });
  log.info(`${mirror}: the tree in slot ${slot} was found on the disk and is served`);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function namesIn(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const names = await readdir(folder);
  const links = await Promise.all(names.map(async (name) => (await lstat(`${folder}/${name}`)).isSymbolicLink()));
  return names.filter((_, index) => links[index]);
}
