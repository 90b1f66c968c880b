import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { liveSlot } from '../../content/publish.js';
import { salvagePartialFiles } from '../../content/partial-files.js';
import { settleMirror } from '../../content/reconcile.js';
import { replayChanges, restoreDeleted, linkTree } from '../../content/slots.js';
import { otherSlot, type Generation, type SlotName, type StagingState } from '../../core/generation.js';
import type { Run, RunOutcome } from '../../core/run.js';
import type { TreeRunContext } from './run-context.js';
import { childMark } from './upstream-request.js';

/** The slot that a run fills. */
export interface Staging {
  readonly slot: SlotName;
  readonly root: string;
  /** The published generation, or null before the first. */
  readonly live: Generation | null;
  /** The itemised list of what the slot got since it was equal to the live tree. */
  readonly changes: string;
  /** The generation that it was last made equal to; null where the published tree itself is filled. */
  readonly base: number | null;
  /** What was in it before this run. */
  readonly state: StagingState;
  /** A run that did not come to its end may have left partial files in it. */
  readonly unfinished: boolean;
}

/** The base recorded for a staging slot of a mirror that was never published. */
const NO_BASE = 0;
const MIDWAY: ReadonlySet<RunOutcome | null | undefined> = new Set(['failed', 'interrupted', 'cancelled'] as const);

/**
 * Makes the staging slot ready: equal to the live tree at a cost of O(changes), or as an earlier run left it.
 * The generation before the live one, and a tree that waited for a person, are given up first, in the records and then
 * on the disk.
 */
export async function prepare(context: TreeRunContext): Promise<Staging> {
  const { mirror, layout, store } = context;
  await agreeWithDisk(context);
  // the slot that is filled now may be the one that is being linked, and what has links tells what has to be counted
  await context.keeper.settled(mirror.name, context.signal);
  context.signal.throwIfAborted();
  const live = store.generations.live(mirror.name) ?? null;
  const slot = slotToFill(context, live);
  const root = layout.slot(mirror.name, slot);
  const changes = layout.changes(mirror.name, slot);
  await mkdir(layout.slotsFolder(mirror.name), { recursive: true });
  await mkdir(dirname(changes), { recursive: true });
  store.held.remove(mirror.name);
  await retirePrevious(context);
  if (mirror.publish === 'in-place') {
    const before = runBefore(context)?.outcome;
    await prepareInPlace(context, root, changes);
    // its list of changes was of a tree that was not published as a generation, and is gone
    const state = !live ? 'continued' : before === 'updated' || before === 'unchanged' ? 'fresh' : 'uncertain';
    return { slot, root, live, changes, base: null, state, unfinished: MIDWAY.has(before) };
  }
  const base = live?.id ?? NO_BASE;
  const known = store.mirrors.staging(mirror.name);
  let state: StagingState = live ? 'fresh' : 'continued';
  if (known?.base === base && (await exists(root))) {
    state = known.state;
    if (state !== 'fresh') await takeUp(context, { live, root, changes, state });
  } else {
    store.mirrors.setStaging(mirror.name, null);
    await makeEqual(context, { live, slot, root });
    await rm(changes, { force: true });
  }
  // recorded before it is done: from here on the slot may hold something that the base has not
  store.mirrors.setStaging(mirror.name, { base, state: state === 'fresh' ? 'continued' : state });
  return { slot, root, live, changes, base, state, unfinished: known !== null && known.state !== 'fresh' };
}

/** A switch that could not be recorded, the disk being full: without a look at the link, the live tree would be filled. */
export async function agreeWithDisk({ mirror, layout, store, trees, clock, log, tell }: TreeRunContext): Promise<void> {
  const recorded = store.generations.live(mirror.name)?.slot ?? null;
  const onDisk = await liveSlot(layout, mirror.name);
  if (recorded === onDisk) return;
  const options = { store, layout, trees, clock, log: { info: (message: string) => log.write(message) } };
  await settleMirror(options, mirror.name);
  tell.published();
}

async function prepareInPlace({ mirror, layout, store }: TreeRunContext, root: string, changes: string): Promise<void> {
  await mkdir(root, { recursive: true });
  await rm(layout.partial(mirror.name), { recursive: true, force: true });
  await mkdir(layout.partial(mirror.name));
  await rm(changes, { force: true });
  store.mirrors.setStaging(mirror.name, null);
}

function runBefore({ store, mirror, run }: TreeRunContext): Run | undefined {
  return store.runs.list(mirror.name, 1, run.id)[0];
}

function slotToFill({ mirror }: TreeRunContext, live: Generation | null): SlotName {
  if (!live) return 'a';
  return mirror.publish === 'in-place' ? live.slot : otherSlot(live.slot);
}

/** From here on the tree of the previous generation is no longer whole, and nobody may be served from it. */
async function retirePrevious({ mirror, store, trees, tell }: TreeRunContext): Promise<void> {
  const previous = store.generations.inState(mirror.name, 'previous');
  if (!previous) return;
  store.generations.setState(previous.id, 'recycled');
  const served = trees.get(mirror.name);
  if (served) trees.set(mirror.name, { live: served.live, previous: null });
  await trees.everywhere();
  tell.published();
}

async function makeEqual(
  context: TreeRunContext,
  { live, slot, root }: { live: Generation | null; slot: SlotName; root: string },
): Promise<void> {
  const { mirror, layout, log, clock, signal } = context;
  if (!live) {
    await mkdir(root, { recursive: true });
    return;
  }
  const started = clock();
  const liveRoot = layout.slot(mirror.name, live.slot);
  if (await exists(root)) {
    const paths = await replayChanges(layout.changes(mirror.name, live.slot), liveRoot, root);
    log.write(`Slot ${slot} made equal to the live tree: ${paths} paths in ${clock() - started} ms.`);
  } else {
    await linkTree(liveRoot, layout.newSlot(mirror.name, slot), root, { env: childMark(context), signal });
    log.write(`Slot ${slot} built by linking the whole live tree in ${clock() - started} ms.`);
  }
}

async function takeUp(
  context: TreeRunContext,
  { live, root, changes, state }: Pick<Staging, 'live' | 'root' | 'changes' | 'state'>,
): Promise<void> {
  const { mirror, layout, log, signal } = context;
  const before = runBefore(context);
  log.write(`Going on with what run ${before?.id ?? 'before'} left in the staging slot.`);
  // rsync keeps them itself, unless it had to be killed
  if (state === 'uncertain') log.write(`${await salvagePartialFiles(root, signal)} partial files of it were kept.`);
  if (!live || (before?.outcome !== 'held' && before?.outcome !== 'quarantined')) return;
  // what upstream had lost may be back: then it need not be fetched again
  const restored = await restoreDeleted(changes, layout.slot(mirror.name, live.slot), root);
  log.write(`${restored} deleted paths were put back before the pull.`);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
