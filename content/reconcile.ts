import { lstat, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { systemCode } from '../core/errors.js';
import { otherSlot, stagingAfterReturn, type Generation, type SlotName } from '../core/generation.js';
import type { Run } from '../core/run.js';
import type { Store } from '../store/open.js';
import { bytePath, lstatOrNull } from './byte-path.js';
import type { Layout } from './layout.js';
import { exposePublicly, hideFromPublic, liveSlot, switchLive } from './publish.js';
import type { PublishedTrees, PublishedTreesOfMirror } from './published-trees.js';
import { walk } from './walk.js';

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
  await rm(`${options.layout.live(mirror)}.new`, { force: true });
  await settlePublishing(options, mirror);
  await showMirror(options, mirror);
}

/** Serves what the records say about `mirror`, here and in the public folder. */
export async function showMirror(options: ReconcileOptions, mirror: string): Promise<void> {
  const { layout, trees } = options;
  trees.set(mirror, await treesOf(options, mirror));
  await trees.everywhere();
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

/** Brings `live` and the records in agreement; what the link says counts, as long as it leads to a tree. */
async function settlePublishing(options: ReconcileOptions, mirror: string): Promise<void> {
  const { store, layout } = options;
  const found = await liveSlot(layout, mirror);
  const onDisk = found && (await isFolder(layout.slot(mirror, found))) ? found : null;
  settleIntended(options, mirror, onDisk);
  const recorded = store.generations.live(mirror);
  if (onDisk !== null && recorded?.slot === onDisk) return;
  const previous = store.generations.inState(mirror, 'previous');
  if (onDisk !== null) {
    // a rollback is recorded after the switch
    if (recorded && previous?.slot === onDisk) goBack(options, { recorded, previous, state: 'previous' });
    else await adopt(options, mirror, { slot: onDisk, recorded, previous });
  } else if (recorded && (await isFolder(layout.slot(mirror, recorded.slot)))) {
    await switchLive(layout, mirror, recorded.slot);
  } else if (recorded && previous && (await isFolder(layout.slot(mirror, previous.slot)))) {
    await switchLive(layout, mirror, previous.slot);
    goBack(options, { recorded, previous, state: 'recycled' });
  } else if (recorded) store.generations.setState(recorded.id, 'recycled');
}

/** A publish that was recorded has happened if `live` says so; else it is forgotten, and the next run makes it. */
function settleIntended({ store, log }: ReconcileOptions, mirror: string, onDisk: SlotName | null): void {
  const next = (): Generation | undefined => store.generations.inState(mirror, 'publishing');
  for (let intended = next(); intended; intended = next()) {
    const { id, slot } = intended;
    const recorded = store.generations.live(mirror);
    // one that is older than the live one was given up: its switch failed
    if (slot !== onDisk || (recorded && recorded.id > id)) {
      store.generations.remove(id);
      continue;
    }
    store.transaction(() => {
      if (recorded) store.generations.setState(recorded.id, recorded.slot === onDisk ? 'recycled' : 'previous');
      store.generations.setState(id, 'live');
      store.mirrors.setStaging(mirror, null);
    });
    log.info(`${mirror}: the publish of generation ${id} had happened; recorded now`);
  }
}

/** The previous generation is the live one again; `state` is that of the other from now on. */
function goBack(
  { store, log }: ReconcileOptions,
  { recorded, previous, state }: { recorded: Generation; previous: Generation; state: 'previous' | 'recycled' },
): void {
  store.transaction(() => {
    store.generations.setState(recorded.id, state);
    store.generations.setState(previous.id, 'live');
    const { mirror } = recorded;
    const known = store.mirrors.staging(mirror);
    const at = { from: recorded, to: previous };
    store.mirrors.setStaging(mirror, state === 'previous' ? stagingAfterReturn(known, at, 'uncertain') : null);
  });
  log.info(`${recorded.mirror}: generation ${previous.id} was found live; recorded now`);
}

/** A live tree that the records do not know: the database was lost or restored, or somebody moved the link. */
async function adopt(
  { store, layout, log }: ReconcileOptions,
  mirror: string,
  known: { slot: SlotName; recorded: Generation | undefined; previous: Generation | undefined },
): Promise<void> {
  const { slot, recorded, previous } = known;
  await giveUpSlot(layout, mirror, otherSlot(slot));
  const counted = await countFiles(layout.slot(mirror, slot));
  // nothing tells when it was last compared with upstream, but not before it was switched in
  const switchedAt = Math.floor((await lstat(layout.live(mirror))).mtimeMs);
  store.transaction(() => {
    for (const generation of [recorded, previous])
      if (generation) store.generations.setState(generation.id, 'recycled');
    store.mirrors.setStaging(mirror, null);
    store.generations.add({
      ...{
        mirror,
        slot,
        runId: null,
        state: 'live',
        ...counted,
        markerValue: null,
        markerTime: null,
        verification: null,
      },
      ...{ publishedAt: switchedAt, confirmedAt: switchedAt },
    });
  });
  log.info(`${mirror}: the tree in slot ${slot} was found on the disk and is served`);
}

/** What it has more or less than the other is not known: it is built anew, by linking, from what is live. */
async function giveUpSlot(layout: Layout, mirror: string, slot: SlotName): Promise<void> {
  const unfinished = layout.newSlot(mirror, slot); // whatever has this name is removed before a slot is built
  await rm(unfinished, { recursive: true, force: true });
  await rename(layout.slot(mirror, slot), unfinished).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
  });
}

/** A walk of the tree: without the count the guard would let anything pass. Bytes. */
export async function countFiles(root: string): Promise<{ files: number; bytes: number }> {
  const counted = { files: 0, bytes: 0 };
  for await (const { path, isFile } of walk(root)) {
    if (!isFile) continue;
    counted.files++;
    counted.bytes += (await lstatOrNull(bytePath(root, path)))?.size ?? 0;
  }
  return counted;
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
