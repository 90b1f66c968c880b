import { describe, expect, onTestFinished, test } from 'vitest';
import { join } from 'node:path';
import { NO_NUMBERS, type Run } from '../../core/run.js';
import { openStore, type Store } from '../../store/open.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const DAY = 24 * 3600 * 1000;

async function freshStore(): Promise<Store> {
  const store = openStore(join(await tempFolder(), 'state.db'));
  onTestFinished(() => store.close());
  return store;
}

function add({ runs }: Store, fields: Partial<Run> = {}): Run {
  const { mirror = 'pond', trigger = 'schedule', attempt = 1, force = false, queuedAt = 1000, ...rest } = fields;
  return runs.update(runs.add({ mirror, trigger, attempt, force, queuedAt }).id, rest);
}

describe('RunStore', () => {
  test('keeps every field of a run', async () => {
    const store = await freshStore();
    const queued = store.runs.add({ mirror: 'pond', trigger: 'manual', attempt: 3, force: true, queuedAt: 1000 });
    expect(queued).toEqual({
      ...{ id: 1, mirror: 'pond', trigger: 'manual', attempt: 3, force: true, phase: 'queued', queuedAt: 1000 },
      ...{ outcome: null, failure: null, message: null, startedAt: null, endedAt: null, retryAt: null },
      ...{ upstream: null, exitCode: null, markerValue: null, markerTime: null, generation: null },
      numbers: NO_NUMBERS,
    });
    const numbers = Object.fromEntries(Object.keys(NO_NUMBERS).map((name, index) => [name, 2 ** 41 + index]));
    const fields = {
      ...{ trigger: 'retry', attempt: 4, force: false, phase: 'ended', outcome: 'failed', failure: 'connect' },
      ...{ message: 'It’s gone.', startedAt: 2000, endedAt: 3000, retryAt: 4000, upstream: 'rsync://u/', exitCode: 10 },
      ...{ markerValue: 'm', markerTime: 5000, generation: 6, numbers: { ...numbers, speedup: 12.5 } },
    } as Partial<Run>;
    const updated = store.runs.update(queued.id, fields);
    expect(updated).toEqual({ ...queued, ...fields });
    expect(store.runs.get(queued.id)).toEqual(updated);
    expect(store.runs.update(queued.id, { message: 'other' })).toEqual({ ...updated, message: 'other' });
  });

  test('never gives an id a second time', async () => {
    const store = await freshStore();
    store.runs.remove(add(store).id);
    expect(add(store).id).toBe(2);
    expect(store.runs.get(1)).toBeUndefined();
    expect(() => store.runs.mustGet(1)).toThrow('run 1');
  });

  test('lists runs of a mirror newest first, a page at a time', async () => {
    const store = await freshStore();
    for (let n = 0; n < 6; n++) add(store, { mirror: n % 2 === 0 ? 'pond' : 'lake' });
    expect(store.runs.list('pond', 2).map(({ id }) => id)).toEqual([5, 3]);
    expect(store.runs.list('pond', 2, 3).map(({ id }) => id)).toEqual([1]);
    expect(store.runs.list('none', 2)).toEqual([]);
  });

  test('tells unfinished, ended and good runs apart', async () => {
    const store = await freshStore();
    add(store, { phase: 'ended', outcome: 'updated', endedAt: 1 });
    add(store, { phase: 'ended', outcome: 'unchanged', endedAt: 2 });
    add(store, { phase: 'ended', outcome: 'failed', endedAt: 3 });
    add(store, { phase: 'pull' });
    add(store);
    expect(store.runs.unfinished().map(({ id }) => id)).toEqual([4, 5]);
    expect(store.runs.ended('pond', 2).map(({ id }) => id)).toEqual([3, 2]);
    expect(store.runs.lastGood('pond')?.id).toBe(2);
    expect(store.runs.lastGood('lake')).toBeUndefined();
  });

  test('outdated are those that are old and not among the newest', async () => {
    const store = await freshStore();
    const now = 100 * DAY;
    // runs 1 to 10 ended 10 to 1 days ago
    for (let age = 10; age >= 1; age--) add(store, { phase: 'ended', outcome: 'updated', endedAt: now - age * DAY });
    const old = add(store, { mirror: 'lake', phase: 'ended', outcome: 'updated', endedAt: 0 });
    const outdated = (runs: number, days: number) =>
      store.runs.outdated('pond', { runs, before: now - days * DAY }).sort((a, b) => a - b);
    expect(outdated(3, 5)).toEqual([1, 2, 3, 4, 5]); // 6 and 7 are recent enough, 8 to 10 are the newest
    expect(outdated(8, 5)).toEqual([1, 2]);
    expect(outdated(0, 0)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(outdated(30, 0)).toEqual([]);
    expect(outdated(0, 90)).toEqual([]);
    expect(store.runs.outdated('lake', { runs: 1, before: now })).toEqual([]);
    expect(store.runs.outdated('lake', { runs: 0, before: now })).toEqual([old.id]);
  });

  test('never calls a run outdated that has not ended', async () => {
    const store = await freshStore();
    add(store, { phase: 'pull', startedAt: 1 });
    expect(store.runs.outdated('pond', { runs: 0, before: 100 * DAY })).toEqual([]);
  });

  test('keeps the stages of a run, and removes them with it', async () => {
    const store = await freshStore();
    const run = add(store);
    const first = store.runs.startStage({ runId: run.id, pass: 1, name: 'pool', startedAt: 10 });
    store.runs.startStage({ runId: run.id, pass: 1, name: 'dists', startedAt: 20 });
    const moved = { transferredFiles: 1, transferredBytes: 2, receivedBytes: 3 };
    store.runs.endStage(first, { endedAt: 15, exitCode: 24, ...moved });
    const none = { transferredFiles: 0, transferredBytes: 0, receivedBytes: 0 };
    expect(store.runs.stages(run.id)).toEqual([
      { pass: 1, name: 'pool', startedAt: 10, endedAt: 15, exitCode: 24, ...moved },
      { pass: 1, name: 'dists', startedAt: 20, endedAt: null, exitCode: null, ...none },
    ]);
    store.runs.remove(run.id);
    expect(store.runs.stages(run.id)).toEqual([]);
  });
});

describe('GenerationStore', () => {
  const generation = {
    ...({ mirror: 'pond', runId: 3, slot: 'a', state: 'publishing', files: 10, bytes: 2 ** 45 } as const),
    ...{ markerValue: 'm', markerTime: 100, verification: 'Verified.', publishedAt: 200, confirmedAt: 200 },
  };

  test('keeps every field', async () => {
    const { generations } = await freshStore();
    const added = generations.add(generation);
    expect(added).toEqual({ ...generation, id: 1 });
    expect(generations.get(1)).toEqual(added);
    const adopted = { ...generation, runId: null, markerValue: null, markerTime: null, mirror: 'lake' };
    expect(generations.get(generations.add(adopted).id)).toEqual({ ...adopted, id: 2 });
  });

  test('finds the newest in a state, and lists newest first', async () => {
    const { generations } = await freshStore();
    for (let n = 0; n < 3; n++) generations.add(generation);
    expect(generations.inState('pond', 'publishing')?.id).toBe(3);
    generations.setState(2, 'live');
    expect(generations.live('pond')?.id).toBe(2);
    generations.remove(3);
    expect(generations.list('pond', 10).map(({ id, state }) => [id, state])).toEqual([
      [2, 'live'],
      [1, 'publishing'],
    ]);
    expect(generations.list('pond', 1).length).toBe(1);
  });

  test('never has two live generations of a mirror', async () => {
    const { generations } = await freshStore();
    generations.add({ ...generation, state: 'live' });
    expect(() => generations.add({ ...generation, state: 'live' })).toThrow('UNIQUE');
    expect(generations.add({ ...generation, state: 'live', mirror: 'lake' }).id).toBeGreaterThan(1);
  });

  test('confirm takes a new marker, and keeps the known one when there is none', async () => {
    const { generations } = await freshStore();
    const { id } = generations.add(generation);
    generations.confirm(id, 300, null);
    expect(generations.get(id)).toMatchObject({
      confirmedAt: 300,
      publishedAt: 200,
      markerValue: 'm',
      markerTime: 100,
    });
    generations.confirm(id, 400, { value: 'n', time: null });
    expect(generations.get(id)).toMatchObject({ confirmedAt: 400, markerValue: 'n', markerTime: null });
  });
});

describe('MirrorStore', () => {
  test('has nothing of a mirror without a row', async () => {
    const { mirrors } = await freshStore();
    expect(mirrors.get('pond')).toEqual({ mirror: 'pond', pausedAt: null, pauseReason: null, nextDueAt: null });
    expect(mirrors.staging('pond')).toBeNull();
    expect(mirrors.all()).toEqual([]);
  });

  test('keeps pause, due time and staging apart from each other', async () => {
    const { mirrors } = await freshStore();
    mirrors.setNextDue('pond', 500);
    mirrors.setStaging('pond', { base: 0, state: 'fresh' });
    mirrors.pause('pond', 100, 'disk is being changed');
    const paused = { mirror: 'pond', pausedAt: 100, pauseReason: 'disk is being changed', nextDueAt: 500 };
    expect(mirrors.get('pond')).toEqual(paused);
    expect(mirrors.staging('pond')).toEqual({ base: 0, state: 'fresh' });
    mirrors.resume('pond');
    mirrors.setNextDue('pond', null);
    expect(mirrors.get('pond')).toEqual({ ...paused, pausedAt: null, pauseReason: null, nextDueAt: null });
    mirrors.setStaging('pond', { base: 7, state: 'uncertain' });
    expect(mirrors.staging('pond')).toEqual({ base: 7, state: 'uncertain' });
    mirrors.setStaging('pond', null);
    expect(mirrors.staging('pond')).toBeNull();
    mirrors.pause('lake', 1, 'x');
    expect(mirrors.all().map(({ mirror }) => mirror)).toEqual(['lake', 'pond']);
  });
});
