import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { TreeMirror } from '../../core/mirror.js';
import type { Run } from '../../core/run.js';
import { startEngine, testMarker, testMirror, testSettings, type TestEngine } from '../fixtures/engine.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { writeTree } from '../fixtures/tree.js';

/** A real daemon that exports `up`, and the engine with one mirror `pond` of it. */
async function world(fields: Partial<TreeMirror>): Promise<{ up: string; folder: string; millpond: TestEngine }> {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  mkdirSync(up);
  const daemon = await startDaemon({ modules: { pond: up } });
  onTestFinished(() => daemon.stop());
  const mirror = testMirror({ name: 'pond', upstreams: [daemon.url('pond')], ...fields });
  const millpond = await startEngine(testSettings(folder, [mirror]));
  onTestFinished(() => millpond.stop());
  return { up, folder, millpond };
}

test('stages that each list a part: files and bytes are those of the whole tree, and so is the share that goes', async () => {
  const stage = { delete: true, options: [] };
  const stages = [
    { ...stage, name: 'x', include: ['/x/***'], exclude: ['*'] },
    { ...stage, name: 'y', include: ['/y/***'], exclude: ['*'] },
  ];
  const { up, millpond } = await world({ stages });
  const files = ['x', 'y'].flatMap((part) => Array.from({ length: 60 }, (_, i) => [`${part}/${i}`, '12345']));
  writeTree(up, Object.fromEntries(files) as Record<string, string>);
  expect((await millpond.sync('pond')).numbers).toMatchObject({ totalFiles: 120, totalBytes: 600 });
  for (let i = 0; i < 35; i++) rmSync(join(up, `x/${i}`));
  const run = await millpond.sync('pond');
  expect(run).toMatchObject({ outcome: 'updated', numbers: { deletedFiles: 35, totalFiles: 85, totalBytes: 425 } });
  expect(millpond.store.generations.live('pond')).toMatchObject({ files: 85, bytes: 425 });
});

test('a probe that upstream refuses leaves its exit code in the record', async () => {
  const { millpond } = await world({
    marker: testMarker('stamp'),
    upstreams: ['rsync://127.0.0.1:1/x/'],
  });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'failed', failure: 'connect', exitCode: 10 });
});

test('what a person must mend is told with its remedy, as a failure of this machine', async () => {
  const { millpond } = await world({ password: { file: join('/nowhere', 'pond.pw') } });
  const run = await millpond.sync('pond');
  expect(run).toMatchObject({ outcome: 'failed', failure: 'local', retryAt: null });
  expect(run.message).toMatch(/^the password file .* does not exist\.$/);
  expect(run.message).not.toContain('This program failed');
});

test.each(['slots', 'in-place'] as const)(
  'what a run (%s) does to the disk is begun only when its record is safe from a power cut',
  async (publish) => {
    const { up, millpond } = await world({ publish });
    const light: [Run['phase'], Run['outcome']][] = [];
    const { lightTransaction } = millpond.store;
    Object.assign(millpond.store, {
      lightTransaction: (work: () => Run) => {
        const run = lightTransaction(work);
        light.push([run.phase, run.outcome]);
        return run;
      },
    });
    writeTree(up, { more: 'one' });
    expect((await millpond.ended(millpond.engine.trigger('pond', 'manual').id)).outcome).toBe('updated');
    expect(light).toEqual([
      ['queued', null],
      ['probe', null],
      ['admit', null],
    ]);
    light.length = 0;
    expect((await millpond.ended(millpond.engine.trigger('pond', 'manual').id)).outcome).toBe('unchanged');
    expect(light.at(-1)).toEqual(['ended', 'unchanged']);
  },
);
