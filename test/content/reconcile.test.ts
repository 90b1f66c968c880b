import { existsSync, lstatSync, lutimesSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Layout } from '../../content/layout.js';
import { exposePublicly, liveSlot, switchLive } from '../../content/publish.js';
import { PublishedTrees } from '../../content/published-trees.js';
import { reconcile } from '../../content/reconcile.js';
import type { Generation, GenerationState, SlotName } from '../../core/generation.js';
import { openStore, type Store } from '../../store/open.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { writeTree } from '../fixtures/tree.js';

const NOW = 1_700_000_000_000;
const EARLIER = NOW - 3_600_000;

interface Scene {
  readonly layout: Layout;
  readonly store: Store;
  readonly trees: PublishedTrees;
  readonly said: string[];
  add(slot: SlotName, state: GenerationState, fields?: Partial<Generation>): Generation;
  states(): Record<number, GenerationState>;
  settle(...mirrors: string[]): Promise<void>;
}

/** A data folder with both slots of a mirror `pond` and an empty database. */
async function scene(): Promise<Scene> {
  const layout = new Layout(await tempFolder());
  const store = openStore(layout.stateDb);
  onTestFinished(() => store.close());
  const trees = new PublishedTrees();
  const said: string[] = [];
  for (const slot of ['a', 'b'] as const) writeTree(layout.slot('pond', slot), { name: slot });
  const log = { info: (message: string) => void said.push(message) };
  return {
    ...{ layout, store, trees, said },
    add: (slot, state, fields = {}) =>
      store.generations.add({
        ...{ mirror: 'pond', slot, state, runId: 1, files: 7, bytes: 70, markerValue: 'm', markerTime: 1 },
        verification: null,
        ...{ publishedAt: EARLIER, confirmedAt: EARLIER, ...fields },
      }),
    states: () => Object.fromEntries(store.generations.list('pond', 10).map(({ id, state }) => [id, state])),
    settle: (...mirrors) =>
      reconcile({ store, layout, trees, clock: () => NOW, log }, mirrors.length === 0 ? ['pond'] : mirrors),
  };
}

/** What holds after every reconciliation: link, records and what is served say the same. */
async function expectServed({ layout, store, trees }: Scene, slot: SlotName, generation: Generation): Promise<void> {
  expect(await liveSlot(layout, 'pond')).toBe(slot);
  expect(store.generations.live('pond')?.id).toBe(generation.id);
  expect(trees.get('pond')?.live).toEqual({
    generation: { ...generation, state: 'live' },
    root: layout.slot('pond', slot),
  });
  expect(readlinkSync(layout.publicLink('pond'))).toBe(layout.publicTarget('pond'));
  expect(store.generations.inState('pond', 'publishing')).toBeUndefined();
}

describe('reconcile after an end in the middle of a publish', () => {
  test('records the switch that had happened', async () => {
    const at = await scene();
    const before = at.add('a', 'live');
    const made = at.add('b', 'publishing');
    at.store.mirrors.setStaging('pond', { base: before.id, state: 'continued' });
    await switchLive(at.layout, 'pond', 'b');
    await at.settle();
    await expectServed(at, 'b', made);
    expect(at.states()).toEqual({ [before.id]: 'previous', [made.id]: 'live' });
    expect(at.trees.get('pond')?.previous?.root).toBe(at.layout.slot('pond', 'a'));
    expect(at.store.mirrors.staging('pond')).toBeNull();
  });

  test('records the very first one', async () => {
    const at = await scene();
    const made = at.add('a', 'publishing');
    await switchLive(at.layout, 'pond', 'a');
    await at.settle();
    await expectServed(at, 'a', made);
    expect(at.trees.get('pond')?.previous).toBeNull();
  });

  test('records one that was published in place', async () => {
    const at = await scene();
    const before = at.add('a', 'live');
    const made = at.add('a', 'publishing');
    await switchLive(at.layout, 'pond', 'a');
    await at.settle();
    await expectServed(at, 'a', made);
    expect(at.states()).toEqual({ [before.id]: 'recycled', [made.id]: 'live' });
  });

  test('forgets the switch that had not happened', async () => {
    const at = await scene();
    const before = at.add('a', 'live');
    await switchLive(at.layout, 'pond', 'a');
    symlinkSync('slots/b', `${at.layout.live('pond')}.new`);
    at.add('b', 'publishing');
    at.store.mirrors.setStaging('pond', { base: before.id, state: 'continued' });
    await at.settle();
    await expectServed(at, 'a', before);
    expect(at.states()).toEqual({ [before.id]: 'live' });
    expect(at.store.mirrors.staging('pond')).toEqual({ base: before.id, state: 'continued' });
    expect(existsSync(`${at.layout.live('pond')}.new`)).toBe(false);
  });

  test('takes a switch that once failed not for the one that followed it into the same slot', async () => {
    const at = await scene();
    const first = at.add('a', 'live');
    at.add('b', 'publishing', { markerValue: 'stale' });
    at.store.generations.setState(first.id, 'previous');
    const made = at.add('b', 'live');
    await switchLive(at.layout, 'pond', 'b');
    await at.settle();
    await expectServed(at, 'b', made);
    expect(at.states()).toEqual({ [first.id]: 'previous', [made.id]: 'live' });
  });
});

describe('reconcile when link and records do not agree', () => {
  test('adopts a live tree that a lost database knew, confirmed no later than it was switched in', async () => {
    const at = await scene();
    await switchLive(at.layout, 'pond', 'b');
    lutimesSync(at.layout.live('pond'), EARLIER / 1000, EARLIER / 1000);
    await at.settle();
    const adopted = at.store.generations.live('pond');
    expect(adopted).toMatchObject({ slot: 'b', runId: null, markerValue: null, files: 1, bytes: 1 });
    expect(adopted).toMatchObject({ publishedAt: EARLIER, confirmedAt: EARLIER });
    if (adopted) await expectServed(at, 'b', adopted);
    expect(at.said).toEqual(['pond: the tree in slot b was found on the disk and is served']);
  });

  test('makes a lost live link anew', async () => {
    const at = await scene();
    const live = at.add('b', 'live');
    await at.settle();
    await expectServed(at, 'b', live);
  });

  test.each(['slots/c', '/etc', '../../elsewhere'])(
    'points a live link to %j back to the live tree',
    async (target) => {
      const at = await scene();
      const live = at.add('a', 'live');
      symlinkSync(target, at.layout.live('pond'));
      await at.settle();
      await expectServed(at, 'a', live);
    },
  );

  test('takes a link that was moved to the previous tree for a rollback', async () => {
    const at = await scene();
    const previous = at.add('a', 'previous');
    const live = at.add('b', 'live');
    await switchLive(at.layout, 'pond', 'a');
    await at.settle();
    await expectServed(at, 'a', previous);
    expect(at.states()).toEqual({ [previous.id]: 'live', [live.id]: 'previous' });
    // its list tells what it has more than the older one
    expect(at.store.mirrors.staging('pond')).toEqual({ base: previous.id, state: 'uncertain' });
    // and back again: the list is that of the tree that is live now
    await switchLive(at.layout, 'pond', 'b');
    await at.settle();
    await expectServed(at, 'b', live);
    expect(at.store.mirrors.staging('pond')).toBeNull();
  });

  test('adopts a tree of nobody that the link was moved to by hand', async () => {
    const at = await scene();
    const live = at.add('a', 'live');
    await switchLive(at.layout, 'pond', 'b');
    await at.settle();
    expect(at.store.generations.get(live.id)?.state).toBe('recycled');
    expect(at.store.generations.live('pond')).toMatchObject({ slot: 'b', runId: null, files: 1, bytes: 1 });
    // nobody knows how it differs: it is built anew from what is live
    expect(existsSync(at.layout.slot('pond', 'a'))).toBe(false);
  });

  test('goes back to the previous tree when the live one is gone', async () => {
    const at = await scene();
    const previous = at.add('a', 'previous');
    const live = at.add('b', 'live');
    await switchLive(at.layout, 'pond', 'b');
    rmSync(at.layout.slot('pond', 'b'), { recursive: true });
    await at.settle();
    await expectServed(at, 'a', previous);
    expect(at.states()).toEqual({ [previous.id]: 'live', [live.id]: 'recycled' });
  });

  test('serves nothing when no tree is left', async () => {
    const at = await scene();
    const live = at.add('b', 'live');
    await switchLive(at.layout, 'pond', 'b');
    rmSync(at.layout.slotsFolder('pond'), { recursive: true });
    await at.settle();
    expect(at.trees.get('pond')).toBeUndefined();
    expect(at.states()).toEqual({ [live.id]: 'recycled' });
  });

  test('serves no previous tree that is gone', async () => {
    const at = await scene();
    at.add('a', 'previous');
    const live = at.add('b', 'live');
    await switchLive(at.layout, 'pond', 'b');
    rmSync(at.layout.slot('pond', 'a'), { recursive: true });
    await at.settle();
    await expectServed(at, 'b', live);
    expect(at.trees.get('pond')?.previous).toBeNull();
  });

  test('changes nothing the second time', async () => {
    const at = await scene();
    at.add('a', 'live');
    const made = at.add('b', 'publishing');
    await switchLive(at.layout, 'pond', 'b');
    await at.settle();
    const [states, inode] = [at.states(), lstatSync(at.layout.live('pond')).ino];
    await at.settle();
    await expectServed(at, 'b', made);
    expect([at.states(), lstatSync(at.layout.live('pond')).ino]).toEqual([states, inode]);
  });

  test('does without a folder of the mirror', async () => {
    const at = await scene();
    await at.settle('never-synced');
    expect(at.trees.get('never-synced')).toBeUndefined();
    expect(readdirSync(at.layout.publicFolder)).toEqual([]);
  });
});

describe('reconcile of runs and leftovers', () => {
  test('marks runs that were under way as interrupted, and lets those that waited wait', async () => {
    const at = await scene();
    const { runs, mirrors } = at.store;
    const add = (mirror: string) => runs.add({ mirror, trigger: 'schedule', attempt: 1, force: false, queuedAt: 1 });
    const [queued, pulling, ended, gone] = [add('pond'), add('pond'), add('pond'), add('removed')];
    runs.update(pulling.id, { phase: 'pull', startedAt: 2 });
    runs.update(ended.id, { phase: 'ended', outcome: 'failed', endedAt: 3 });
    runs.update(gone.id, { phase: 'publish', startedAt: 2 });
    mirrors.setStaging('pond', { base: 4, state: 'continued' });
    await at.settle();
    expect(runs.get(queued.id)).toEqual(queued);
    expect(runs.get(ended.id)?.outcome).toBe('failed');
    expect(runs.get(pulling.id)).toMatchObject({
      ...{ phase: 'ended', outcome: 'interrupted', endedAt: NOW, retryAt: null },
      message: 'Millpond ended in the middle of pull; the next run goes on from there.',
    });
    expect(runs.get(gone.id)?.outcome).toBe('interrupted');
    // its list of changes may lack the last ones
    expect(mirrors.staging('pond')).toEqual({ base: 4, state: 'uncertain' });
  });

  test('takes the public link of a removed mirror away, and nothing else', async () => {
    const at = await scene();
    const live = at.add('a', 'live');
    await switchLive(at.layout, 'pond', 'a');
    await exposePublicly(at.layout, 'removed');
    mkdirSync(join(at.layout.publicFolder, 'a folder of the operator'));
    symlinkSync('/srv/own', at.layout.publicLink('own'));
    await at.settle();
    await expectServed(at, 'a', live);
    expect(readdirSync(at.layout.publicFolder).sort()).toEqual(['a folder of the operator', 'own', 'pond']);
  });
});
