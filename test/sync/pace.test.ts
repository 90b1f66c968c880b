import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Settings } from '../../config/settings.js';
import type { TreeMirror } from '../../core/mirror.js';
import type { Pace } from '../../core/pace.js';
import type { Run, RunTrigger } from '../../core/run.js';
import { createLog } from '../../platform/log.js';
import { openStore, type Store } from '../../store/open.js';
import { Timetable } from '../../sync/schedule/timetable.js';
import { startEngine, testMarker, testMirror, testSettings } from '../fixtures/engine.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { writeTree } from '../fixtures/tree.js';

const HOUR = 3_600_000;
const NONE: Pace = { maxPerDay: null, minutes: null, jitter: null };

/** Of a run as far as the pace is concerned: with a stage it has asked for more than the marker. */
function record(store: Store, at: number, fields: Partial<Run> & { pulls?: boolean } = {}): Run {
  const { pulls = true, ...rest } = fields;
  const run = store.runs.add({ mirror: 'pond', trigger: 'schedule', attempt: 1, force: false, queuedAt: at });
  if (pulls) store.runs.startStage({ runId: run.id, pass: 1, name: 'all', startedAt: at });
  return store.runs.update(run.id, { phase: 'ended', outcome: 'updated', startedAt: at, endedAt: at, ...rest });
}

describe('Timetable', () => {
  const START = Date.UTC(2026, 10, 25, 12, 30);

  beforeEach(() => {
    vi.useFakeTimers({ now: START, toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    return () => vi.useRealTimers();
  });

  async function timetable(fields: Partial<TreeMirror>, sync: Partial<Settings['sync']> = {}) {
    const folder = await tempFolder();
    const store = openStore(join(folder, 'state.db'));
    const mirror = testMirror({ name: 'pond', upstreams: ['rsync://h/m/'], ...fields });
    const settings = testSettings(folder, [mirror], sync);
    const started: { at: string; trigger: RunTrigger }[] = [];
    const table: Timetable = new Timetable({
      ...{ store, clock: Date.now, random: () => 0.5, log: createLog('silent') },
      settings: () => settings,
      onDue: (_, trigger) => {
        const now = Date.now();
        started.push({ at: new Date(now).toISOString().slice(5, 16), trigger });
        table.runEnded(record(store, now, fields.marker ? { pulls: false, outcome: 'unchanged' } : {}));
      },
    });
    onTestFinished(() => {
      table.stop();
      store.close();
    });
    return { store, table, started };
  }

  test('starts no more runs within 24 hours than the pace allows, whatever the schedule says', async () => {
    const pace = { ...NONE, maxPerDay: 3 };
    const { store, table, started } = await timetable({ schedule: { kind: 'every', seconds: 3600 }, pace });
    table.start();
    await vi.advanceTimersByTimeAsync(3 * HOUR);
    expect(started.map(({ at }) => at)).toEqual(['11-25T12:30', '11-25T13:30', '11-25T14:30']);
    // the page tells when the next one is due
    expect(store.mirrors.get('pond').nextDueAt).toBe(START + 24 * HOUR);
    await vi.advanceTimersByTimeAsync(24 * HOUR);
    expect(started.slice(3).map(({ at }) => at)).toEqual(['11-26T12:30', '11-26T13:30', '11-26T14:30']);
  });

  test('does not count runs that the marker ended', async () => {
    const pace = { ...NONE, maxPerDay: 1 };
    const schedule = { kind: 'every', seconds: 3600 } as const;
    const { table, started } = await timetable({ schedule, pace, marker: testMarker('stamp') });
    table.start();
    await vi.advanceTimersByTimeAsync(5 * HOUR);
    expect(started).toHaveLength(6);
  });

  test('starts runs within the minutes of an hour, with a jitter of their own', async () => {
    const pace = { ...NONE, minutes: { from: 5, to: 20 }, jitter: 600 };
    const schedule = { kind: 'every', seconds: 7200 } as const;
    const { table, started } = await timetable({ schedule, pace }, { jitter: 86_400 });
    table.start();
    await vi.advanceTimersByTimeAsync(7 * HOUR);
    // 13:05, two hours and the half of ten minutes later 15:10, then 17:15, 19:20
    expect(started).toEqual([
      { at: '11-25T13:05', trigger: 'catch-up' },
      ...['11-25T15:10', '11-25T17:15', '11-25T19:20'].map((at) => ({ at, trigger: 'schedule' })),
    ]);
  });

  test('catches up later where the day was used up before the start', async () => {
    const { store, table, started } = await timetable({
      ...{ schedule: { kind: 'every', seconds: 3600 }, pace: { ...NONE, maxPerDay: 2 } },
    });
    record(store, START - 20 * HOUR);
    record(store, START - 10 * HOUR);
    store.mirrors.setNextDue('pond', START - 9 * HOUR);
    table.start();
    await vi.advanceTimersByTimeAsync(5 * HOUR);
    expect(started).toEqual([{ at: '11-25T16:30', trigger: 'catch-up' }]);
  });

  test('waits when a person has used up the day meanwhile', async () => {
    const { store, table, started } = await timetable({
      ...{ schedule: { kind: 'every', seconds: 3600 }, pace: { ...NONE, maxPerDay: 2 } },
    });
    table.start();
    await vi.advanceTimersByTimeAsync(HOUR / 2);
    record(store, Date.now(), { trigger: 'manual' });
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(started).toHaveLength(1);
    expect(store.mirrors.get('pond').nextDueAt).toBe(START + 24 * HOUR);
  });
});

async function engine(pace: Pace, fields: Partial<TreeMirror> = {}) {
  const folder = await tempFolder();
  writeTree(join(folder, 'up'), { stamp: '1', file: 'one' });
  const daemon = await startDaemon({ modules: { pond: join(folder, 'up') } });
  onTestFinished(() => daemon.stop());
  const clock = { now: Date.UTC(2026, 10, 25, 12, 0) };
  const mirror = testMirror({ name: 'pond', upstreams: [daemon.url('pond')], pace, ...fields });
  const millpond = await startEngine(testSettings(folder, [mirror]), () => clock.now);
  onTestFinished(() => millpond.stop());
  return { millpond, clock };
}

test('a person is told of a day that is used up, and may insist', async () => {
  const { millpond, clock } = await engine({ ...NONE, maxPerDay: 2, minutes: { from: 30, to: 40 } });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
  clock.now += HOUR;
  await millpond.sync('pond');
  clock.now += HOUR;
  expect(() => millpond.engine.trigger('pond', 'manual')).toThrow(
    'this would be fetch 3 of pond within 24 hours, of at most 2 (pace.max_per_day)',
  );
  expect(() => millpond.engine.trigger('pond', 'manual')).toThrow(
    expect.objectContaining({ hint: expect.stringContaining('2026-11-26 12:30 UTC') as string }) as Error,
  );
  expect(await millpond.sync('pond', { force: true })).toMatchObject({ outcome: 'unchanged' });
});

test('a try again keeps to the pace', async () => {
  const retry = { attempts: 3, firstBackoff: 60, maxBackoff: 60 };
  const { millpond, clock } = await engine({ ...NONE, maxPerDay: 2 }, { retry });
  await millpond.sync('pond');
  const [mirror] = [...millpond.settings.mirrors.values()];
  if (!mirror) throw new Error('there is no mirror');
  const gone = { ...mirror, upstreams: ['rsync://127.0.0.1:1/pond/'] };
  millpond.engine.apply({ ...millpond.settings, mirrors: new Map([['pond', gone]]) });
  clock.now += HOUR;
  // without a marker it is the pull that is refused, and that was one
  const run = await millpond.sync('pond');
  expect(run).toMatchObject({ outcome: 'failed', failure: 'connect', retryAt: clock.now + 23 * HOUR });
  expect(millpond.store.mirrors.get('pond').nextDueAt).toBe(run.retryAt);
});

test('runs of the last day are not forgotten, however few shall be kept', async () => {
  const { millpond, clock } = await engine({ ...NONE, maxPerDay: 3 });
  millpond.settings = { ...millpond.settings, sync: { ...millpond.settings.sync, keep: { runs: 1, days: 0 } } };
  millpond.engine.apply(millpond.settings);
  for (let n = 0; n < 3; n++) {
    await millpond.sync('pond');
    clock.now += HOUR;
  }
  await vi.waitFor(() => expect(millpond.store.runs.list('pond', 10)).toHaveLength(3));
  expect(() => millpond.engine.trigger('pond', 'manual')).toThrow('this would be fetch 4 of pond');
  clock.now += 24 * HOUR;
  await millpond.sync('pond');
  await vi.waitFor(() => expect(millpond.store.runs.list('pond', 10)).toHaveLength(1));
});
