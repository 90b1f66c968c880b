import { exposePublicly, switchLive } from '../../content/publish.js';
import type { Generation } from '../../core/generation.js';
import { madeWith } from './list-pull.js';
import type { Staging } from './prepare.js';
import type { TreeRunContext } from './run-context.js';

/**
 * Makes the staging slot the live one. What is about to happen is recorded first, so that a crash at any moment
 * leaves either the old tree or the new one, and the records can be brought in line with whichever it is. `lost` has the
 * bytes of files that only kept generations have from then on, by how many of them; `verification` is one sentence.
 */
export async function publishGeneration(
  context: TreeRunContext,
  staging: Staging,
  { lost, verification }: { lost: ReadonlyMap<number, number>; verification: string },
): Promise<Generation> {
  const { mirror, layout, store, trees, run, tally, tell, clock, log } = context;
  const started = clock();
  const generation = store.generations.add({
    mirror: mirror.name,
    runId: run.id,
    slot: staging.slot,
    state: 'publishing',
    files: tally.numbers.totalFiles,
    bytes: tally.numbers.totalBytes,
    markerValue: tally.marker?.value ?? null,
    markerTime: tally.marker?.time ?? null,
    verification,
    publishedAt: clock(),
    confirmedAt: clock(),
  });
  await switchLive(layout, mirror.name, staging.slot);
  recordSwitch(context, staging, { made: generation, lost });
  await trees.everywhere();
  tell.published();
  await exposePublicly(layout, mirror.name);
  log.write(`Generation ${generation.id} published from slot ${staging.slot} in ${clock() - started} ms.`);
  return { ...generation, state: 'live' };
}

function recordSwitch(
  { mirror, layout, store, trees }: TreeRunContext,
  staging: Staging,
  { made, lost }: { made: Generation; lost: ReadonlyMap<number, number> },
): void {
  // a tree published in place has overwritten the one before
  const before = staging.live?.slot === staging.slot ? null : staging.live;
  store.transaction(() => {
    if (staging.live) store.generations.setState(staging.live.id, before ? 'previous' : 'recycled');
    store.generations.setState(made.id, 'live');
    store.mirrors.setStaging(mirror.name, null);
    store.held.remove(mirror.name);
    store.kept.lose(mirror.name, lost);
    store.mirrors.setMadeWith(mirror.name, madeWith(mirror, made));
  });
  trees.set(mirror.name, {
    live: { generation: { ...made, state: 'live' }, root: staging.root },
    previous: before && { generation: { ...before, state: 'previous' }, root: layout.slot(mirror.name, before.slot) },
  });
}
