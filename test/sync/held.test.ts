import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { TreeMirror } from '../../core/mirror.js';
import type { Run } from '../../core/run.js';
import { GUARD, startEngine, testMarker, testMirror, testSettings, type TestEngine } from '../fixtures/engine.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../fixtures/tree.js';

interface World {
  readonly up: string;
  readonly millpond: TestEngine;
  /** The same data folder again, after a stop. */
  again(): Promise<TestEngine>;
  live(): Record<string, string>;
}

/** A published tree of 100 files in two folders, with a marker at its top. */
async function world(fields: Partial<TreeMirror> = {}): Promise<World> {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  mkdirSync(up);
  const daemon = await startDaemon({ modules: { pond: up } });
  onTestFinished(() => daemon.stop());
  const mirror = testMirror({
    ...{ name: 'pond', upstreams: [daemon.url('pond')], marker: testMarker('marker') },
    ...fields,
  });
  const start = async (): Promise<TestEngine> => {
    const millpond = await startEngine(testSettings(folder, [mirror]));
    onTestFinished(() => millpond.stop().catch(() => undefined));
    return millpond;
  };
  const millpond = await start();
  writeTree(up, { marker: '1' });
  for (let i = 0; i < 100; i++) writeTree(up, { [`${i < 70 ? 'old' : 'new'}/f${i}`]: `file ${i}` });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
  return { up, millpond, again: start, live: () => snapshot(millpond.layout.live('pond')) };
}

async function hold({ up, millpond }: World): Promise<Run> {
  rmSync(join(up, 'old'), { recursive: true });
  writeTree(up, { marker: '2', 'new/more': 'more' });
  const run = await millpond.sync('pond');
  expect(run).toMatchObject({ outcome: 'held' });
  return run;
}

test('what is held is recorded by folder, with the rule, the measured value and the limit', async () => {
  const scene = await world();
  const run = await hold(scene);
  const held = scene.millpond.store.held.get('pond');
  expect(held).toMatchObject({
    runId: run.id,
    marker: { value: '2' },
    report: {
      limits: [{ rule: 'max_delete', measured: '69.3 %', limit: '50 %' }],
      change: { publishedFiles: 101, deletedFiles: 70, deletedBytes: 70 * 7 - 10 },
      folders: [
        { folder: 'old', deletedFiles: 70 },
        { folder: '', changedFiles: 1 },
        { folder: 'new', addedFiles: 1, addedBytes: 4 },
      ],
    },
  });
  expect(held?.report.deleted).toHaveLength(70);
});

test('approve publishes exactly what was held, without asking upstream', async () => {
  const scene = await world();
  const held = await hold(scene);
  const shown = snapshot(scene.up);
  writeTree(scene.up, { marker: '3', late: 'came after somebody had looked' });
  const { millpond } = scene;
  const run = await millpond.ended(millpond.engine.approve('pond', held.id).id);
  expect(run).toMatchObject({ outcome: 'updated', trigger: 'approval', markerValue: '2' });
  expect(run.numbers).toMatchObject({ deletedFiles: 70, totalFiles: 32 });
  expect(scene.live()).toEqual(shown);
  expect(millpond.store.generations.live('pond')).toMatchObject({ files: 32, markerValue: '2', runId: run.id });
  expect(millpond.store.held.get('pond')).toBeNull();
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
  expect(scene.live()).toEqual(snapshot(scene.up));
});

test('approve publishes a paused mirror as well, and after a restart', async () => {
  const scene = await world();
  const held = await hold(scene);
  scene.millpond.engine.pause('pond', 'looking at it');
  await scene.millpond.stop();
  const millpond = await scene.again();
  const run = await millpond.ended(millpond.engine.approve('pond', held.id).id);
  expect(run).toMatchObject({ outcome: 'updated' });
  expect(scene.live()).toEqual(snapshot(scene.up));
});

test('runs that find the marker of what is held fetch nothing, and leave it as it was shown', async () => {
  const scene = await world();
  const { millpond, up } = scene;
  const held = await hold(scene);
  const again = await millpond.sync('pond');
  expect(again).toMatchObject({ outcome: 'held', numbers: { receivedBytes: 0 } });
  expect(again.message).toContain(`since run ${held.id}`);
  expect(millpond.store.held.get('pond')?.runId).toBe(held.id);
  await millpond.ended(millpond.engine.approve('pond', held.id).id);
  expect(scene.live()).toEqual(snapshot(up));
});

test('what upstream mends takes the place of what is held, and is published by itself', async () => {
  const scene = await world();
  const held = await hold(scene);
  for (let i = 0; i < 70; i++) writeTree(scene.up, { [`old/f${i}`]: `file ${i}` });
  writeTree(scene.up, { marker: '3' });
  expect(await scene.millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
  expect(scene.live()).toEqual(snapshot(scene.up));
  expect(() => scene.millpond.engine.approve('pond', held.id)).toThrow('no tree of pond waits for a person');
});

test('nothing is approved that was not shown', async () => {
  const scene = await world();
  const first = await hold(scene);
  rmSync(join(scene.up, 'new'), { recursive: true });
  writeTree(scene.up, { marker: '3', rest: 'rest' });
  const second = await scene.millpond.sync('pond');
  expect(second).toMatchObject({ outcome: 'held' });
  expect(() => scene.millpond.engine.approve('pond', first.id)).toThrow(
    `what run ${first.id} of pond brought has been replaced by run ${second.id}`,
  );
  await expect(scene.millpond.engine.reject('pond', first.id)).rejects.toThrow('has been replaced');
  expect(Object.keys(scene.live())).toHaveLength(101);
});

test('reject makes the staging slot equal to what is served; the next run fetches anew', async () => {
  const scene = await world();
  const { millpond, up } = scene;
  const served = scene.live();
  const held = await hold(scene);
  await millpond.engine.reject('pond', held.id);
  expect(millpond.store.held.get('pond')).toBeNull();
  expect(millpond.store.runs.get(held.id)?.message).toContain('Rejected by a person');
  expect(snapshot(millpond.layout.slot('pond', 'b'))).toEqual(served);
  const again = await millpond.sync('pond');
  expect(again).toMatchObject({ outcome: 'held', numbers: { deletedFiles: 70, addedFiles: 1 } });
  await millpond.engine.reject('pond', again.id);
  for (let i = 0; i < 70; i++) writeTree(up, { [`old/f${i}`]: `file ${i}` });
  rmSync(join(up, 'new/more'));
  writeTree(up, { marker: '1' });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'unchanged' });
  expect(scene.live()).toEqual(served);
});

test('an approval of a tree that has gone from the disk publishes nothing', async () => {
  const scene = await world();
  const { millpond } = scene;
  const held = await hold(scene);
  const served = scene.live();
  rmSync(millpond.layout.slot('pond', 'b'), { recursive: true });
  const run = await millpond.ended(millpond.engine.approve('pond', held.id).id);
  expect(run).toMatchObject({ outcome: 'failed', message: expect.stringContaining('no longer there') as string });
  expect(scene.live()).toEqual(served);
  expect(existsSync(millpond.layout.live('pond'))).toBe(true);
});

test('an index that shrank, and a tree whose files were all touched, are held', async () => {
  const scene = await world({ guard: { ...GUARD, maxShrink: 0.2 } });
  const { millpond, up } = scene;
  writeTree(up, { marker: '2', 'dists/sid/Packages': randomBytes(1_200_000) });
  for (let i = 0; i < 1000; i++) writeTree(up, { [`many/${i}`]: 'x' });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
  writeTree(up, { marker: '3', 'dists/sid/Packages': randomBytes(300_000) });
  const shrunk = await millpond.sync('pond');
  expect(shrunk.message).toBe(
    'The index "dists/sid/Packages" shrank from 1.2 MB to 300 kB (by 75 %), by more than the 20 % that are allowed.',
  );
  await millpond.ended(millpond.engine.approve('pond', shrunk.id).id);
  const time = new Date(Date.now() - 86_400_000);
  for (const path of Object.keys(snapshot(up))) utimesSync(join(up, path), time, time);
  writeTree(up, { marker: '4' });
  const touched = await millpond.sync('pond');
  expect(touched.message).toMatch(
    /^Upstream replaced or touched 1,10[12] of 1,102 files \(\S+ %\), more than the 90 %/,
  );
});
