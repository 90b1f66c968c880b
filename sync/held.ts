import { rename, rm } from 'node:fs/promises';
import { systemCode, MillpondError } from '../core/errors.js';
import type { HeldTree } from '../core/held.js';
import { utcMinute } from '../core/sentence.js';
import type { Layout } from '../content/layout.js';
import { replayChanges } from '../content/slots.js';
import type { Store } from '../store/open.js';

/**
 * The tree of `mirror` that waits for a person, if it is the one that run `runId` made: nothing is decided about a tree
 * that the person has not seen. @throws MillpondError conflict
 */
export function mustBeHeld(store: Store, mirror: string, runId: number): HeldTree {
  const held = store.held.get(mirror);
  if (!held)
    throw new MillpondError('conflict', `no tree of ${mirror} waits for a person`, {
      hint: `It may have been decided, or replaced by what a later run brought: millpond status ${mirror}`,
    });
  if (held.runId !== runId)
    throw new MillpondError(
      'conflict',
      `what run ${runId} of ${mirror} brought has been replaced by run ${held.runId}`,
      {
        hint: `Look at what waits now: millpond approve ${mirror}`,
      },
    );
  return held;
}

/** Drops a tree that waits: the staging slot is made equal to the live one again, at a cost of O(changes). */
export async function dropHeld(
  { store, layout, clock }: { store: Store; layout: Layout; clock: () => number },
  { mirror, runId, base, slot }: HeldTree,
): Promise<void> {
  const live = store.generations.live(mirror);
  const known = store.mirrors.staging(mirror);
  if (!live || live.id !== base) throw new Error(`the held tree of ${mirror} is not based on what is live`);
  const run = store.runs.get(runId);
  // recorded before it is done: after a crash the next run goes on from whatever the slot has become
  store.transaction(() => {
    store.held.remove(mirror);
    store.mirrors.setStaging(mirror, known && { base, state: 'uncertain' });
    if (run)
      store.runs.update(runId, {
        message: `${run.message ?? ''} Rejected by a person at ${utcMinute(clock())}.`.trim(),
      });
  });
  const root = layout.slot(mirror, slot);
  const changes = layout.changes(mirror, slot);
  if (known?.base === base && known.state === 'continued') {
    await replayChanges(changes, layout.slot(mirror, live.slot), root);
    await rm(changes, { force: true });
    store.mirrors.setStaging(mirror, { base, state: 'fresh' });
    return;
  }
  // its list may lack something: it is built anew by the next run, by linking
  const unfinished = layout.newSlot(mirror, slot);
  await rm(unfinished, { recursive: true, force: true });
  await rename(root, unfinished).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
  });
  store.mirrors.setStaging(mirror, null);
}
