import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { listComparison } from '../content/compare-trees.js';
import type { Layout } from '../content/layout.js';
import type { PublishedTrees } from '../content/published-trees.js';
import { switchLive } from '../content/publish.js';
import { countFiles } from '../content/reconcile.js';
import { linkTree } from '../content/slots.js';
import { MillpondError, systemCode } from '../core/errors.js';
import { otherSlot, stagingAfterReturn, type Generation } from '../core/generation.js';
import type { KeptGeneration } from '../core/kept.js';
import type { Store } from '../store/open.js';

export interface RollBackParts {
  readonly store: Store;
  readonly layout: Layout;
  readonly trees: PublishedTrees;
  /** For the environment of child processes. */
  readonly env: Readonly<Record<string, string>>;
}

/** Bytes of a list of changes: some millions of them. */
const LONGEST_LIST = 1024 ** 3;

/** What is live, and what would be served again. */
export type WayBack =
  | { readonly kind: 'previous'; readonly live: Generation; readonly previous: Generation }
  | { readonly kind: 'kept'; readonly live: Generation; readonly kept: KeptGeneration };

/** Without a stamp, the way back to the generation before. @throws MillpondError conflict */
export function findWayBack({ store }: Pick<RollBackParts, 'store'>, mirror: string, stamp: string | null): WayBack {
  const live = store.generations.live(mirror);
  if (stamp === null) {
    const previous = store.generations.inState(mirror, 'previous');
    if (live && previous) return { kind: 'previous', live, previous };
    throw new MillpondError('conflict', `${mirror} has no whole previous generation to go back to`, {
      hint: 'It is kept from a publish to the next run that gets past its marker.',
    });
  }
  const all = store.kept.list(mirror);
  const kept = all.find((each) => each.stamp === stamp);
  if (live && kept) return { kind: 'kept', live, kept };
  const stamps = all.map((each) => each.stamp).join(', ');
  throw new MillpondError('conflict', `no generation "${stamp}" of ${mirror} is kept`, {
    hint: stamps ? `These are: ${stamps}.` : 'None is; "keep" in the configuration tells how many are.',
  });
}

/** Serves the other slot again, which is whole until the next run. Returns what is live then. */
export async function returnToPrevious(
  { store, layout, trees }: RollBackParts,
  { live, previous }: { live: Generation; previous: Generation },
): Promise<Generation> {
  const { mirror } = live;
  await switchLive(layout, mirror, previous.slot);
  store.transaction(() => {
    store.generations.setState(live.id, 'previous');
    store.generations.setState(previous.id, 'live');
    const staging = stagingAfterReturn(store.mirrors.staging(mirror), { from: live, to: previous }, 'continued');
    store.mirrors.setStaging(mirror, staging);
    store.held.remove(mirror);
  });
  return serve({ layout, trees }, previous, live);
}

/**
 * Serves a kept generation again: its tree is linked into the slot that is not live. What that slot had is given up.
 * The list of the slot that was live tells from then on what it has more than the kept tree, so that the next run goes
 * on with it. That list is written first: at whatever moment this is cut off, the slot that is not live is either not
 * there, and built from the live one, or made equal to it by this list.
 */
export async function returnToKept(
  parts: RollBackParts,
  { live, kept }: { live: Generation; kept: KeptGeneration },
): Promise<Generation> {
  const { store, layout, trees, env } = parts;
  const { mirror } = live;
  const slot = otherSlot(live.slot);
  const [root, source] = [layout.slot(mirror, slot), layout.kept(mirror, kept.stamp)];
  const previous = store.generations.inState(mirror, 'previous');
  store.transaction(() => {
    if (previous) store.generations.setState(previous.id, 'recycled');
    store.mirrors.setStaging(mirror, null);
    store.held.remove(mirror);
  });
  const served = trees.get(mirror);
  if (served) trees.set(mirror, { live: served.live, previous: null });
  await trees.everywhere();
  await giveUp(root, layout.newSlot(mirror, slot));
  const list = layout.changes(mirror, live.slot);
  await mkdir(dirname(list), { recursive: true });
  await listComparison(source, layout.slot(mirror, live.slot), list, { env, most: LONGEST_LIST });
  await linkTree(source, layout.newSlot(mirror, slot), root, { env });
  const counted = kept.files === null ? await countFiles(root) : { files: kept.files, bytes: kept.bytes ?? 0 };
  await switchLive(layout, mirror, slot);
  const generation = store.transaction(() => {
    store.generations.setState(live.id, 'previous');
    const back = store.generations.revive(kept.generation, {
      ...{ mirror, runId: kept.runId, slot, state: 'live', ...counted },
      ...{ markerValue: kept.markerValue, markerTime: kept.markerTime, verification: null },
      ...{ publishedAt: kept.publishedAt, confirmedAt: kept.publishedAt },
    });
    store.mirrors.setStaging(mirror, { base: back.id, state: 'continued' });
    return back;
  });
  return serve({ layout, trees }, generation, live);
}

async function serve(
  { layout, trees }: Pick<RollBackParts, 'layout' | 'trees'>,
  live: Generation,
  previous: Generation,
): Promise<Generation> {
  const { mirror } = live;
  trees.set(mirror, {
    live: { generation: { ...live, state: 'live' }, root: layout.slot(mirror, live.slot) },
    previous: { generation: { ...previous, state: 'previous' }, root: layout.slot(mirror, previous.slot) },
  });
  await trees.everywhere();
  return live;
}

async function giveUp(root: string, aside: string): Promise<void> {
  await rm(aside, { recursive: true, force: true });
  await rename(root, aside).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
  });
}
