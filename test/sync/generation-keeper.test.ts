import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { TreeMirror } from '../../core/mirror.js';
import { TreeDifferences } from '../../server/tree-differences.js';
import { startEngine, testMirror, testSettings, type TestEngine } from '../fixtures/engine.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../fixtures/tree.js';

const FIRST = Date.parse('2026-11-20T06:00:00Z');
const HOUR = 3600_000;
const DAY = 24 * HOUR;

interface World {
  readonly up: string;
  millpond: TestEngine;
  /** Sets the clock, changes the upstream's tree, and brings it; returns what is live then. */
  publish(
    at: number,
    files: Readonly<Record<string, string | Buffer>>,
    removed?: readonly string[],
  ): Promise<Record<string, string>>;
  /** Sets the clock. */
  at(time: number): void;
  stamps(): string[];
  kept(stamp: string): string;
  start(sync?: Parameters<typeof testSettings>[2]): Promise<TestEngine>;
}

async function world(
  fields: Partial<TreeMirror> = {},
  { data, reserve = 0 }: { data?: string; reserve?: number } = {},
): Promise<World> {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  mkdirSync(up);
  const daemon = await startDaemon({ modules: { pond: up } });
  onTestFinished(() => daemon.stop());
  const keep = { daily: 2, weekly: 0, monthly: 0 };
  const mirror = testMirror({ name: 'pond', upstreams: [daemon.url('pond')], keep, ...fields });
  let now = FIRST;
  const start: World['start'] = async (sync) => {
    const millpond = await startEngine(
      testSettings(data ?? folder, [mirror], { reserve: { bytes: reserve }, ...sync }),
      () => now,
    );
    onTestFinished(() => millpond.stop().catch(() => undefined));
    return millpond;
  };
  const scene: World = {
    ...{ up, millpond: await start(), start },
    async publish(at, files, removed = []) {
      now = at;
      writeTree(up, files);
      for (const path of removed) rmSync(join(up, path));
      expect(await scene.millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
      return snapshot(scene.millpond.layout.live('pond'));
    },
    at: (time) => void (now = time),
    stamps: () => scene.millpond.store.kept.list('pond').map(({ stamp }) => stamp),
    kept: (stamp) => scene.millpond.layout.kept('pond', stamp),
  };
  return scene;
}

/** What is kept, when that has become `stamps`. */
async function becomes({ stamps, millpond }: World, expected: readonly string[]): Promise<void> {
  await expect.poll(stamps, { timeout: 20_000 }).toEqual(expected);
  await expect
    .poll(() => millpond.trees.get('pond')?.kept?.map(({ stamp }) => stamp), { timeout: 20_000 })
    .toEqual(expected);
}

test('a published generation is kept by hard links, as it was, while the live tree goes on', async () => {
  const scene = await world();
  const first = await scene.publish(FIRST, { stays: 'stays', changes: 'one', goes: 'gone later' });
  await becomes(scene, ['2026-11-20T06:00Z']);
  expect(statSync(join(scene.kept('2026-11-20T06:00Z'), 'stays')).ino).toBe(
    statSync(join(scene.millpond.layout.live('pond'), 'stays')).ino,
  );
  await scene.publish(FIRST + DAY, { changes: 'two' }, ['goes']);
  await becomes(scene, ['2026-11-21T06:00Z', '2026-11-20T06:00Z']);
  await scene.publish(FIRST + DAY + HOUR, { changes: 'three' });
  await becomes(scene, ['2026-11-21T07:00Z', '2026-11-20T06:00Z']);
  expect(snapshot(scene.kept('2026-11-20T06:00Z'))).toEqual(first);
  await expect
    .poll(() => readdirSync(scene.millpond.layout.keptFolder('pond')).sort())
    .toEqual(['@2026-11-20T06:00Z', '@2026-11-21T07:00Z']);
});

test('by rule the oldest goes, and the removal is told', async () => {
  const scene = await world();
  for (let day = 0; day < 4; day++) await scene.publish(FIRST + day * DAY, { file: `of day ${day}` });
  await becomes(scene, ['2026-11-23T06:00Z', '2026-11-22T06:00Z']);
  expect(scene.millpond.store.kept.removed('pond')).toEqual([
    expect.objectContaining({ stamp: '2026-11-21T06:00Z', because: 'rule' }),
    expect.objectContaining({ stamp: '2026-11-20T06:00Z', because: 'rule' }),
  ]);
});

test('only the bytes that kept generations alone hold are counted, and are free when the last of those goes', async () => {
  const scene = await world({ keep: { daily: 3, weekly: 0, monthly: 0 } });
  const { store } = scene.millpond;
  const size = (bytes: number): string => 'x'.repeat(bytes);
  await scene.publish(FIRST, { always: size(1), old: size(100), two: size(10_000) });
  await becomes(scene, ['2026-11-20T06:00Z']);
  expect(store.kept.extraBytes('pond').total).toBe(0);
  await scene.publish(FIRST + DAY, { old: size(200), new: size(30) });
  await becomes(scene, ['2026-11-21T06:00Z', '2026-11-20T06:00Z']);
  expect(store.kept.extraBytes('pond')).toEqual({ total: 100, own: new Map([['2026-11-20T06:00Z', 100]]) });
  await scene.publish(FIRST + 2 * DAY, {}, ['two', 'new']);
  await becomes(scene, ['2026-11-22T06:00Z', '2026-11-21T06:00Z', '2026-11-20T06:00Z']);
  // "two" is in both of the older ones, "new" in one
  expect(store.kept.extraBytes('pond')).toEqual({
    total: 10_130,
    own: new Map([
      ['2026-11-20T06:00Z', 100],
      ['2026-11-21T06:00Z', 30],
    ]),
  });
  await scene.publish(FIRST + 3 * DAY, { later: size(1) });
  await becomes(scene, ['2026-11-23T06:00Z', '2026-11-22T06:00Z', '2026-11-21T06:00Z']);
  expect(store.kept.extraBytes('pond').total).toBe(10_030);
});

test('what was being made or removed when the program was killed is done again, never served half', async () => {
  const scene = await world();
  const live = await scene.publish(FIRST, { a: 'a', 'b/c': 'c' });
  await becomes(scene, ['2026-11-20T06:00Z']);
  await scene.millpond.stop();
  const { layout } = scene.millpond;
  rmSync(layout.kept('pond', '2026-11-20T06:00Z'), { recursive: true });
  writeTree(layout.newKept('pond'), { half: 'half' });
  writeTree(layout.goneKept('pond', '2026-11-19T06:00Z'), { half: 'half' });
  scene.millpond = await scene.start();
  await becomes(scene, ['2026-11-20T06:00Z']);
  expect(snapshot(scene.kept('2026-11-20T06:00Z'))).toEqual(live);
  await expect.poll(() => readdirSync(layout.keptFolder('pond'))).toEqual(['@2026-11-20T06:00Z']);
});

test('kept generations are found again when the database was lost', async () => {
  const scene = await world({ keep: { daily: 9, weekly: 0, monthly: 0 } });
  await scene.publish(FIRST, { a: 'a' });
  await scene.publish(FIRST + DAY, { a: 'b' });
  await becomes(scene, ['2026-11-21T06:00Z', '2026-11-20T06:00Z']);
  await scene.millpond.stop();
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${scene.millpond.layout.stateDb}${suffix}`, { force: true });
  scene.millpond = await scene.start();
  await expect.poll(scene.stamps).toContain('2026-11-20T06:00Z');
  expect(readFileSync(join(scene.kept('2026-11-20T06:00Z'), 'a'), 'utf8')).toBe('a');
});

test('where the disk is nearly full, kept generations make room, the oldest first', async () => {
  const scene = await world();
  await scene.publish(FIRST, { a: 'a' });
  await scene.publish(FIRST + DAY, { a: 'b' });
  await becomes(scene, ['2026-11-21T06:00Z', '2026-11-20T06:00Z']);
  await scene.millpond.stop();
  scene.millpond = await scene.start({ reserve: { bytes: 1e18 } });
  writeTree(scene.up, { a: 'c' });
  expect(await scene.millpond.sync('pond')).toMatchObject({ outcome: 'failed', failure: 'disk-full' });
  // nothing would be free without the newest one, which is what is live
  await becomes(scene, ['2026-11-21T06:00Z']);
  expect(scene.millpond.store.kept.removed('pond')).toMatchObject([{ stamp: '2026-11-20T06:00Z', because: 'disk' }]);
  expect(existsSync(scene.millpond.layout.live('pond'))).toBe(true);
});

test('rollback to a kept generation serves that tree; the next run goes on from what was live', async () => {
  const scene = await world({ keep: { daily: 5, weekly: 0, monthly: 0 } });
  const first = await scene.publish(FIRST, { stays: 'stays', a: 'one', old: 'old' });
  await scene.publish(FIRST + DAY, { a: 'two' }, ['old']);
  const third = await scene.publish(FIRST + 2 * DAY, { a: 'three', 'new/one': 'new' });
  await becomes(scene, ['2026-11-22T06:00Z', '2026-11-21T06:00Z', '2026-11-20T06:00Z']);
  const { engine, store, layout } = scene.millpond;
  await expect(engine.rollback('pond', '2026-01-01T00:00Z')).rejects.toMatchObject({
    message: 'no generation "2026-01-01T00:00Z" of pond is kept',
    hint: expect.stringContaining('2026-11-20T06:00Z') as string,
  });
  const { generation } = await engine.rollback('pond', '2026-11-20T06:00Z');
  expect(store.generations.live('pond')).toMatchObject({ id: generation, files: 3 });
  expect(snapshot(layout.live('pond'))).toEqual(first);
  expect(store.mirrors.get('pond').pauseReason).toContain('2026-11-20T06:00Z');
  // forwards again, with nothing to fetch but what is new
  engine.resume('pond');
  writeTree(scene.up, { more: 'more' });
  const run = await scene.millpond.sync('pond');
  expect(run).toMatchObject({ outcome: 'updated', numbers: { transferredFiles: 1 } });
  expect(snapshot(layout.live('pond'))).toEqual(snapshot(scene.up));
  expect(Object.keys(snapshot(layout.live('pond')))).toHaveLength(Object.keys(third).length + 1);
  // and the other slot, which holds the kept tree, is made equal by the list
  writeTree(scene.up, { last: 'last' });
  expect(await scene.millpond.sync('pond')).toMatchObject({ outcome: 'updated', numbers: { transferredFiles: 1 } });
  expect(snapshot(layout.live('pond'))).toEqual(snapshot(scene.up));
});

/** A file system of so many MB, which ends with the test. */
async function smallDisk(size: number): Promise<string> {
  const disk = join(await tempFolder(), 'disk');
  mkdirSync(disk);
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  const run = (...words: string[]): void => {
    const [file = '', ...args] = [...asRoot, ...words];
    execFileSync(file, args);
  };
  run('mount', '-t', 'tmpfs', '-o', `size=${size}m`, 'tmpfs', disk);
  onTestFinished(() => run('umount', disk));
  return disk;
}

test('after several rollbacks the guard and the page of differences still know what is gone', async () => {
  const scene = await world({ keep: { daily: 3, weekly: 0, monthly: 0 } });
  const { engine, store } = scene.millpond;
  const old = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`old/f${i}`, `file ${i}`]));
  await scene.publish(FIRST, { ...old, always: 'first' });
  await becomes(scene, ['2026-11-20T06:00Z']);
  scene.at(FIRST + DAY);
  rmSync(join(scene.up, 'old'), { recursive: true });
  expect(await scene.millpond.sync('pond', { force: true })).toMatchObject({ outcome: 'updated' });
  await becomes(scene, ['2026-11-21T06:00Z', '2026-11-20T06:00Z']);
  await scene.publish(FIRST + 2 * DAY, { ...old, always: 'third' });
  await becomes(scene, ['2026-11-22T06:00Z', '2026-11-21T06:00Z', '2026-11-20T06:00Z']);

  await engine.rollback('pond', '2026-11-20T06:00Z');
  await engine.rollback('pond', '2026-11-21T06:00Z');
  const differences = new TreeDifferences(scene.millpond);
  expect(await differences.between('pond', 'previous', 'live')).toMatchObject({ counts: { removed: { files: 100 } } });
  await engine.rollback('pond');
  rmSync(join(scene.up, 'old'), { recursive: true });
  engine.resume('pond');
  const run = await scene.millpond.sync('pond');
  expect(run).toMatchObject({ outcome: 'held' });
  expect(store.held.get('pond')?.report.change.deletedFiles).toBe(100);
});

test('on a small disk the oldest goes for a run that needs its room, and the run is admitted', async () => {
  const data = await smallDisk(42);
  const scene = await world({ keep: { daily: 9, weekly: 0, monthly: 0 } }, { data, reserve: 12_000_000 });
  const bring = (day: number): Promise<unknown> => scene.publish(FIRST + day * DAY, { file: randomBytes(7_000_000) });
  writeTree(scene.up, { stays: 'so that later runs bring less than all' });
  for (let day = 0; day < 4; day++) {
    await bring(day);
    await expect.poll(() => scene.stamps()[0], { timeout: 20_000 }).toBe(`2026-11-${20 + day}T06:00Z`);
  }
  await bring(4);
  await becomes(scene, ['2026-11-24T06:00Z', '2026-11-23T06:00Z', '2026-11-22T06:00Z', '2026-11-21T06:00Z']);
  expect(scene.millpond.store.kept.removed('pond')).toMatchObject([{ stamp: '2026-11-20T06:00Z', because: 'disk' }]);
});

test('the first run of a mirror that does not fit is refused by what upstream tells, before anything comes', async () => {
  const data = await smallDisk(16);
  const { millpond, up } = await world({}, { data, reserve: 1_000_000 });
  writeTree(up, { huge: randomBytes(20_000_000) });
  expect(await millpond.sync('pond')).toMatchObject({
    ...{ outcome: 'failed', failure: 'disk-full', numbers: { transferredBytes: 0 } },
    message: expect.stringMatching(/pond would bring 20\.0 MB, and 1\.0 MB are kept in reserve/) as string,
  });
  expect(existsSync(millpond.layout.slot('pond', 'a'))).toBe(false);
  rmSync(join(up, 'huge'));
  writeTree(up, { small: 'fits' });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
});
