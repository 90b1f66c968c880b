import { randomBytes } from 'node:crypto';
import Database from 'better-sqlite3';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { TreeMirror } from '../../core/mirror.js';
import type { Run } from '../../core/run.js';
import { processesWithEnvironment } from '../../platform/processes.js';
import { startCuttingProxy, type CuttingProxy } from '../fixtures/cutting-proxy.js';
import { startEngine, testMarker, testMirror, testSettings, type TestEngine } from '../fixtures/engine.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { largestFile, snapshot, writeTree } from '../fixtures/tree.js';

interface Yard {
  readonly folder: string;
  readonly up: string;
  /** In front of the daemon; a stalled one keeps runs going for as long as a test wants. */
  readonly proxy: CuttingProxy;
  mirror(name: string, fields?: Partial<TreeMirror>): TreeMirror;
  start(mirrors: TreeMirror[], sync?: Parameters<typeof testSettings>[2], clock?: () => number): Promise<TestEngine>;
}

async function yard(): Promise<Yard> {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  mkdirSync(up);
  writeTree(up, { file: randomBytes(3_000_000) });
  const daemon = await startDaemon({ modules: { pond: up } });
  onTestFinished(() => daemon.stop());
  const proxy = await startCuttingProxy(daemon.port);
  onTestFinished(() => proxy.stop());
  return {
    ...{ folder, up, proxy },
    mirror: (name, fields) => testMirror({ name, upstreams: [proxy.url('pond')], ...fields }),
    async start(mirrors, sync, clock) {
      const millpond = await startEngine(testSettings(folder, mirrors, sync), clock);
      let stopped = false;
      const stop = millpond.stop;
      millpond.stop = async () => {
        if (!stopped) await stop();
        stopped = true;
      };
      onTestFinished(() => millpond.stop());
      return millpond;
    },
  };
}

/** Resolves with the run when it has reached the phase. */
function reaches(millpond: TestEngine, mirror: string, phase: Run['phase']): Promise<Run> {
  return new Promise((resolve) => {
    const unsubscribe = millpond.engine.subscribe((event) => {
      if (event.mirror !== mirror || !('run' in event) || event.run.phase !== phase) return;
      unsubscribe();
      resolve(event.run);
    });
  });
}

test('triggers during a run make exactly one more run after it', async () => {
  const { proxy, mirror, start } = await yard();
  const millpond = await start([mirror('pond')]);
  proxy.stall();
  const first = millpond.engine.trigger('pond', 'schedule');
  const again = [1, 2, 3].map(() => millpond.engine.trigger('pond', 'manual').id);
  expect(new Set(again).size).toBe(1);
  expect(again[0]).not.toBe(first.id);
  proxy.resume();
  const second = await millpond.ended(again[0] ?? 0);
  expect(second.outcome).toBe('unchanged');
  expect(millpond.store.runs.list('pond', 10)).toHaveLength(2);
  expect(second.startedAt).toBeGreaterThanOrEqual(millpond.store.runs.mustGet(first.id).endedAt ?? Infinity);
});

test('no more runs than allowed go at a time, and a person comes before the clock', async () => {
  const { proxy, mirror, start } = await yard();
  const names = ['m1', 'm2', 'm3', 'm4'];
  const millpond = await start(
    names.map((name) => mirror(name)),
    { concurrency: 1 },
  );
  proxy.stall();
  for (const name of ['m1', 'm2', 'm3']) millpond.engine.trigger(name, 'schedule');
  const manual = millpond.engine.trigger('m4', 'manual');
  expect(names.map((name) => millpond.engine.activity(name).place)).toEqual([null, 2, 3, 1]);
  proxy.resume();
  await millpond.ended(millpond.engine.activity('m3').queued?.id ?? 0);
  const started = names
    .map((name) => millpond.store.runs.list(name, 1)[0])
    .sort((a, b) => (a?.startedAt ?? 0) - (b?.startedAt ?? 0));
  expect(started.map((run) => run?.mirror)).toEqual(['m1', 'm4', 'm2', 'm3']);
  for (const [index, run] of started.slice(1).entries())
    expect(run?.startedAt).toBeGreaterThanOrEqual(started[index]?.endedAt ?? Infinity);
  expect(millpond.store.runs.mustGet(manual.id).outcome).toBe('updated');
});

test('runs of one upstream host keep to their own limit', async () => {
  const { proxy, mirror, start } = await yard();
  const millpond = await start([mirror('m1'), mirror('m2')], { concurrency: 4, perHost: 1 });
  proxy.stall();
  millpond.engine.trigger('m1', 'manual');
  const second = millpond.engine.trigger('m2', 'manual');
  expect(millpond.engine.activity('m2')).toMatchObject({ running: null, place: 1 });
  proxy.resume();
  expect(await millpond.ended(second.id)).toMatchObject({ outcome: 'updated' });
});

test('cancel ends the running processes, drops the queued run and leaves the live tree alone', async () => {
  const { up, proxy, mirror, start } = await yard();
  const millpond = await start([mirror('pond')]);
  await millpond.sync('pond');
  const served = snapshot(millpond.layout.live('pond'));
  writeTree(up, { file: randomBytes(3_000_000) });
  const from = proxy.bytesDown();
  const running = millpond.engine.trigger('pond', 'manual');
  await proxy.untilDown(from + 500_000);
  proxy.stall();
  const queued = millpond.engine.trigger('pond', 'manual');
  const { cancelled } = await millpond.engine.cancel('pond');
  expect(cancelled.sort()).toEqual([running.id, queued.id]);
  expect(millpond.store.runs.mustGet(running.id)).toMatchObject({ outcome: 'cancelled', retryAt: null });
  expect(await processesWithEnvironment('MILLPOND_CHILD_OF', millpond.layout.data)).toEqual([]);
  expect(snapshot(millpond.layout.live('pond'))).toEqual(served);
  proxy.resume();
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
  expect(snapshot(millpond.layout.live('pond'))).toEqual(snapshot(up));
});

test('a run over its time limit is ended as timeout', async () => {
  const { proxy, mirror, start } = await yard();
  const millpond = await start([mirror('pond', { timeout: 1 })]);
  proxy.stall();
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'failed', failure: 'timeout' });
  expect(await processesWithEnvironment('MILLPOND_CHILD_OF', millpond.layout.data)).toEqual([]);
});

test('a failed run is tried again with growing back-off until the tries are used up', async () => {
  const { mirror, start } = await yard();
  const retry = { attempts: 3, firstBackoff: 0.01, maxBackoff: 0.05 };
  const millpond = await start([mirror('pond', { upstreams: ['rsync://127.0.0.1:1/x/'], retry })]);
  const first = await millpond.sync('pond');
  expect(first).toMatchObject({ outcome: 'failed', attempt: 1 });
  expect(first.retryAt).not.toBeNull();
  await expect.poll(() => millpond.store.runs.ended('pond', 10), { timeout: 20_000 }).toHaveLength(3);
  const runs = millpond.store.runs.ended('pond', 10).reverse();
  expect(runs.map(({ attempt, trigger }) => [attempt, trigger])).toEqual([
    [1, 'manual'],
    [2, 'retry'],
    [3, 'retry'],
  ]);
  expect(runs[2]?.retryAt).toBeNull();
  expect(millpond.store.mirrors.get('pond').nextDueAt).toBeNull();
});

test('a new mirror runs at once, and what was missed while the program was down is caught up once', async () => {
  const { mirror, start } = await yard();
  const hourly = mirror('pond', { schedule: { kind: 'every', seconds: 3600 } });
  let now = Date.now();
  const first = await start([hourly], {}, () => now);
  await expect.poll(() => first.store.runs.ended('pond', 10), { timeout: 20_000 }).toHaveLength(1);
  expect(first.store.runs.ended('pond', 1)[0]).toMatchObject({ trigger: 'catch-up', outcome: 'updated' });
  await first.stop();
  now += 10 * 3600 * 1000; // ten times missed
  const second = await start([hourly], {}, () => now);
  await expect.poll(() => second.store.runs.ended('pond', 10), { timeout: 20_000 }).toHaveLength(2);
  expect(second.store.mirrors.get('pond').nextDueAt).toBe(now + 3600 * 1000);
  expect(second.engine.activity('pond')).toMatchObject({ running: null, queued: null });
});

test('stop ends a run as interrupted, and the next start takes it up from its partial file', async () => {
  const { up, proxy, mirror, start } = await yard();
  const first = await start([mirror('pond')]);
  const run = first.engine.trigger('pond', 'manual');
  await proxy.untilDown(2_000_000);
  proxy.stall();
  // what the proxy has sent may not have come yet
  await expect.poll(() => largestFile(first.layout.slot('pond', 'a'))).toBeGreaterThan(1_500_000);
  await first.engine.stop();
  expect(first.store.runs.mustGet(run.id)).toMatchObject({ outcome: 'interrupted' });
  await first.stop();
  proxy.resume();
  const before = proxy.bytesDown();
  const second = await start([mirror('pond')]);
  await expect.poll(() => second.store.runs.ended('pond', 10), { timeout: 20_000 }).toHaveLength(2);
  expect(proxy.bytesDown() - before).toBeLessThan(2_000_000);
  expect(snapshot(second.layout.live('pond'))).toEqual(snapshot(up));
});

test('a paused mirror is not run by the clock nor by hand, but by force, and goes on after resume', async () => {
  const { mirror, start } = await yard();
  const millpond = await start([mirror('pond')]);
  millpond.engine.pause('pond', 'the disk is being exchanged');
  expect(() => millpond.engine.trigger('pond', 'manual')).toThrow(/paused: the disk is being exchanged/);
  expect(await millpond.sync('pond', { force: true })).toMatchObject({ outcome: 'updated' });
  millpond.engine.resume('pond');
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'unchanged' });
});

test('rollback serves the previous tree again and pauses, and resume brings the newer one back', async () => {
  const { up, mirror, start } = await yard();
  const millpond = await start([mirror('pond')]);
  writeTree(up, { release: 'one' });
  const one = await millpond.sync('pond');
  writeTree(up, { release: 'two' });
  await millpond.sync('pond');
  expect(await millpond.engine.rollback('pond')).toEqual({ generation: one.generation });
  const release = (): string => readFileSync(join(millpond.layout.live('pond'), 'release'), 'utf8');
  expect(release()).toBe('one');
  expect(millpond.store.mirrors.get('pond').pauseReason).toContain('Rolled back');
  millpond.engine.resume('pond');
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
  expect(release()).toBe('two');
  expect(snapshot(millpond.layout.live('pond'))).toEqual(snapshot(up));
});

test('after a rollback, what only the rejected tree had comes back, however often one goes back and forth', async () => {
  const { up, mirror, start } = await yard();
  const millpond = await start([mirror('pond')]);
  const live = (): Record<string, string> => snapshot(millpond.layout.live('pond'));
  for (const change of [{ a: 'one', b: 'one' }, { b: 'two' }, { a: 'three' }]) {
    writeTree(up, change);
    await millpond.sync('pond');
  }
  for (const returns of [1, 2, 3]) {
    for (let i = 0; i < returns; i++) await millpond.engine.rollback('pond');
    millpond.engine.resume('pond');
    await millpond.sync('pond');
    expect(live(), `${returns} times`).toEqual(snapshot(up));
    writeTree(up, { b: `after ${returns}` });
    await millpond.sync('pond');
    expect(live()).toEqual(snapshot(up));
  }
});

test('a pause holds what waits, but not a run that a person has asked for all the same', async () => {
  const { proxy, mirror, start } = await yard();
  const millpond = await start([mirror('busy'), mirror('pond')], { concurrency: 1 });
  proxy.stall();
  const first = millpond.engine.trigger('busy', 'manual');
  const waiting = millpond.engine.trigger('pond', 'manual');
  millpond.engine.pause('pond', 'the array is being rebuilt');
  proxy.resume();
  await millpond.ended(first.id);
  expect(millpond.store.runs.get(waiting.id)?.phase).toBe('queued');
  expect(millpond.engine.trigger('pond', 'manual', { force: true }).id).toBe(waiting.id);
  expect(await millpond.ended(waiting.id)).toMatchObject({ outcome: 'updated' });
});

test('a database that cannot be written ends no program: the run ends, and the next one is planned and runs', async () => {
  const { mirror, start } = await yard();
  const millpond = await start([mirror('pond', { schedule: { kind: 'every', seconds: 3600 } })]);
  await millpond.ended(1); // caught up, since it had never run
  const db = new Database(millpond.layout.stateDb);
  onTestFinished(() => void db.close());
  db.exec(`CREATE TRIGGER full BEFORE UPDATE ON mirrors BEGIN SELECT RAISE(ABORT, 'no room'); END`);
  expect(await millpond.sync('pond', { force: true })).toMatchObject({ outcome: 'failed' });
  db.exec('DROP TRIGGER full');
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'unchanged' });
});

test('a switch that could not be recorded is seen by the next run, which fills the other slot', async () => {
  const { up, mirror, start } = await yard();
  const millpond = await start([mirror('pond')]);
  writeTree(up, { a: 'one' });
  await millpond.sync('pond');
  const db = new Database(millpond.layout.stateDb);
  onTestFinished(() => void db.close());
  db.exec(`CREATE TRIGGER full BEFORE UPDATE ON generations WHEN new.state = 'live'
    BEGIN SELECT RAISE(ABORT, 'no room'); END`);
  writeTree(up, { a: 'two' });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'failed' });
  db.exec('DROP TRIGGER full');
  writeTree(up, { a: 'three' });
  const pulling = reaches(millpond, 'pond', 'verify').then(() =>
    readFileSync(join(millpond.layout.live('pond'), 'a'), 'utf8'),
  );
  const third = await millpond.sync('pond');
  expect(await pulling).toBe('two');
  expect(third).toMatchObject({ outcome: 'updated' });
  expect(snapshot(millpond.layout.live('pond'))).toEqual(snapshot(up));
});

test('a run without a place for its log still comes to its end', async () => {
  const { folder, mirror, start } = await yard();
  const millpond = await start([mirror('pond')]);
  mkdirSync(join(folder, 'data', 'logs'));
  writeFileSync(join(folder, 'data', 'logs', 'pond'), 'in the way');
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated', phase: 'ended' });
});

test('a mirror with a lost database is guarded as before', async () => {
  const { up, mirror, start } = await yard();
  const files = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`files/${i}`, `file ${i}`]));
  writeTree(up, files);
  const first = await start([mirror('pond')]);
  await first.sync('pond');
  await first.stop();
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${first.layout.stateDb}${suffix}`, { force: true });
  rmSync(join(up, 'files'), { recursive: true });
  const second = await start([mirror('pond')]);
  expect(await second.sync('pond')).toMatchObject({ outcome: 'held' });
});

test('a schedule denser than the back-off waits for it, so that the back-off can grow', async () => {
  const { mirror, start, proxy } = await yard();
  await proxy.stop();
  const retry = { attempts: 3, firstBackoff: 60, maxBackoff: 3600 };
  let now = 1_700_000_000_000;
  const millpond = await start([mirror('pond', { schedule: { kind: 'every', seconds: 10 }, retry })], {}, () => now);
  const due = (): number => ((millpond.store.mirrors.get('pond').nextDueAt ?? 0) - now) / 1000;
  expect(await millpond.ended(1)).toMatchObject({ outcome: 'failed', failure: 'connect', attempt: 1 });
  await expect.poll(due).toBe(240);
  now += 240_000;
  expect(await millpond.ended(millpond.engine.trigger('pond', 'retry').id)).toMatchObject({ outcome: 'failed' });
});

test('a fallback upstream takes its place in the limit of its own host', async () => {
  const { mirror, start, proxy } = await yard();
  const dead = `rsync://localhost:1/pond/`;
  proxy.stall();
  const both = { upstreams: [dead, proxy.url('pond')] };
  const millpond = await start([mirror('one', both), mirror('two')], { perHost: 1 });
  millpond.engine.trigger('one', 'manual');
  await expect.poll(() => proxy.connections()).toBe(1);
  const second = millpond.engine.trigger('two', 'manual');
  expect(millpond.store.runs.get(second.id)?.phase).toBe('queued');
  proxy.resume();
  expect(await millpond.ended(second.id)).toMatchObject({ outcome: 'updated' });
});

test('rollback without a whole previous tree is refused', async () => {
  const { mirror, start } = await yard();
  const millpond = await start([mirror('pond')]);
  await millpond.sync('pond');
  await expect(millpond.engine.rollback('pond')).rejects.toThrow(/no whole previous generation/);
});

test('the previous tree stays served until the next run gets past its marker', async () => {
  const { up, mirror, start } = await yard();
  const millpond = await start([mirror('pond', { marker: testMarker('stamp', { parser: 'epoch' }) })]);
  writeTree(up, { stamp: '1' });
  await millpond.sync('pond');
  writeTree(up, { stamp: '2' });
  await millpond.sync('pond');
  await millpond.sync('pond'); // unchanged: nothing was touched
  expect(millpond.trees.get('pond')?.previous?.generation.id).toBe(1);
  writeTree(up, { stamp: '3' });
  const prepared = reaches(millpond, 'pond', 'pull').then(() => millpond.trees.get('pond')?.previous);
  const third = millpond.sync('pond');
  expect(await prepared).toBeNull();
  expect(await third).toMatchObject({ outcome: 'updated', generation: 3 });
});

test('progress is told at most once in a quarter of a second, and the numbers of the run are whole', async () => {
  const { mirror, start } = await yard();
  const millpond = await start([mirror('pond')], {}, () => 1_000_000); // a clock that stands still
  const run = await millpond.sync('pond');
  expect(millpond.events.filter((event) => event.type === 'run.progress')).toHaveLength(1);
  expect(run.numbers).toMatchObject({ transferredFiles: 1, transferredBytes: 3_000_000 });
});

test('a mirror that leaves the configuration loses its queued run and is not run again', async () => {
  const { proxy, mirror, start } = await yard();
  const millpond = await start([mirror('pond')]);
  proxy.stall();
  const run = millpond.engine.trigger('pond', 'manual');
  millpond.engine.apply({ ...millpond.settings, mirrors: new Map() });
  expect(await millpond.ended(run.id)).toMatchObject({ outcome: 'cancelled' });
  expect(() => millpond.engine.trigger('pond', 'manual')).toThrow(/no mirror "pond"/);
});

test('a cancel ends the linking of a second slot, which carries the mark of the data folder', async () => {
  const { folder, mirror, start, up } = await yard();
  const millpond = await start([mirror('pond')]);
  await millpond.sync('pond');
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'cp'), '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 });
  vi.stubEnv('PATH', `${bin}${delimiter}${process.env['PATH']}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const run = millpond.engine.trigger('pond', 'manual');
  const linking = (): Promise<number[]> => processesWithEnvironment('MILLPOND_CHILD_OF', millpond.settings.data);
  await expect.poll(async () => (await linking()).length).toBe(1);
  expect(await millpond.engine.cancel('pond')).toEqual({ cancelled: [run.id] });
  expect(await millpond.ended(run.id)).toMatchObject({ outcome: 'cancelled', phase: 'ended' });
  expect(await linking()).toEqual([]);
  vi.unstubAllEnvs();
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'unchanged' });
  expect(snapshot(millpond.layout.live('pond'))).toEqual(snapshot(up));
});
