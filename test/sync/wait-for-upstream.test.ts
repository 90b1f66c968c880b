import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { TreeMirror, WaitRule } from '../../core/mirror.js';
import { startEngine, testMarker, testMirror, testSettings, type TestEngine } from '../fixtures/engine.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { writeTree } from '../fixtures/tree.js';

const PROGRESS = 'Archive-Update-in-Progress-ftp.example.org';
const WAIT: WaitRule = { files: ['Archive-Update-in-Progress-*', 'dists/lock'], pause: 1, tries: 2 };

async function scene(fields: Partial<TreeMirror>): Promise<{ up: string; millpond: TestEngine }> {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  writeTree(up, { stamp: '1', file: 'one' });
  const daemon = await startDaemon({ modules: { pond: up } });
  onTestFinished(() => daemon.stop());
  const mirror = testMirror({ name: 'pond', upstreams: [daemon.url('pond')], marker: testMarker('stamp'), ...fields });
  const millpond = await startEngine(testSettings(folder, [mirror]));
  onTestFinished(() => millpond.stop());
  return { up, millpond };
}

/** Resolves once the run waits. */
function waiting(millpond: TestEngine): Promise<void> {
  return new Promise((resolve) => {
    millpond.engine.subscribe((event) => {
      if (event.type === 'run.phase' && event.run.phase === 'wait') resolve();
    });
  });
}

test('an upstream in the middle of an update is waited for, and asked again when it has finished', async () => {
  const { up, millpond } = await scene({ waitWhile: { ...WAIT, tries: 50 } });
  writeTree(up, { [PROGRESS]: '' });
  const waits = waiting(millpond);
  const running = millpond.sync('pond');
  await waits;
  writeTree(up, { stamp: '2', file: 'two' });
  rmSync(join(up, PROGRESS));
  const run = await running;
  expect(run).toMatchObject({ outcome: 'updated', markerValue: '2' });
  expect(millpond.store.runs.stages(run.id)).toHaveLength(1);
  expect(readFileSync(millpond.layout.log('pond', run.id), 'utf8')).toContain(
    `Upstream is in the middle of an update ("${PROGRESS}" is there); the next look is in 1 s.`,
  );
});

test('after the last look the run fails with what it saw, and nothing was pulled', async () => {
  const { up, millpond } = await scene({ waitWhile: WAIT, retry: { attempts: 2, firstBackoff: 60, maxBackoff: 600 } });
  writeTree(up, { 'dists/lock': '' });
  const run = await millpond.sync('pond');
  expect(run).toMatchObject({
    outcome: 'failed',
    failure: 'updating',
    message: 'Upstream is in the middle of an update: "dists/lock" was there at 2 looks, 1 s apart.',
  });
  expect(run.retryAt).not.toBeNull();
  expect(millpond.store.runs.stages(run.id)).toEqual([]);
});

test('a run that waits can be cancelled', async () => {
  const { up, millpond } = await scene({ waitWhile: { ...WAIT, pause: 3600 } });
  writeTree(up, { [PROGRESS]: '' });
  const waits = waiting(millpond);
  const running = millpond.sync('pond');
  await waits;
  await millpond.engine.cancel('pond');
  expect(await running).toMatchObject({ outcome: 'cancelled', message: 'Cancelled by a person.' });
});

test('nothing is looked at where the marker has not moved, and other files are nothing to wait for', async () => {
  const { up, millpond } = await scene({ waitWhile: { ...WAIT, tries: 1 } });
  writeTree(up, { 'sub/Archive-Update-in-Progress-x': '', 'Archive-Update-Done': '' });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
  writeTree(up, { [PROGRESS]: '' });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'unchanged' });
});
