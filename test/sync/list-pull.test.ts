import { existsSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { TreeMirror } from '../../core/mirror.js';
import type { Run } from '../../core/run.js';
import { startEngine, testMarker, testMirror, testSettings, type TestEngine } from '../fixtures/engine.js';
import { writeList as writeListAs } from '../fixtures/file-list.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../fixtures/tree.js';

const LIST = 'fullfiletimelist-pond';

const writeList = (up: string, extra?: readonly string[]): void => writeListAs(up, LIST, extra);

interface Scene {
  readonly up: string;
  readonly millpond: TestEngine;
  sync(options?: { force?: boolean }): Promise<Run>;
  log(run: Run): string;
  live(): string;
}

async function scene(fields: Partial<TreeMirror> = {}): Promise<Scene> {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  writeTree(up, { 'a/one.rpm': '1', 'a/two.rpm': '2', 'b/c/three.rpm': '3', 'repodata/repomd.xml': 'x' });
  writeList(up);
  const daemon = await startDaemon({ modules: { pond: up } });
  onTestFinished(() => daemon.stop());
  const mirror = testMirror({ name: 'pond', upstreams: [daemon.url('pond')], fileList: LIST, ...fields });
  const millpond = await startEngine(testSettings(folder, [mirror]));
  onTestFinished(() => millpond.stop());
  return {
    ...{ up, millpond },
    sync: (options) => millpond.sync('pond', options),
    log: (run) => readFileSync(millpond.layout.log('pond', run.id), 'utf8'),
    live: () => millpond.layout.live('pond'),
  };
}

const stages = ({ millpond }: Scene, run: Run): string[] => millpond.store.runs.stages(run.id).map(({ name }) => name);

test('the first run compares all, the next only what the list names as new or changed', async () => {
  const here = await scene();
  const first = await here.sync();
  expect([first.outcome, ...stages(here, first)]).toEqual(['updated', 'all']);
  expect(snapshot(here.live())).toEqual(snapshot(here.up));

  writeTree(here.up, { 'a/one.rpm': 'changed', 'b/new/four.rpm': '4' });
  symlinkSync('one.rpm', join(here.up, 'a/latest'));
  rmSync(join(here.up, 'b/c'), { recursive: true });
  writeList(here.up);
  // what the list does not name is not looked at
  writeFileSync(join(here.up, 'a/unlisted.rpm'), 'x');
  const second = await here.sync();
  expect(second).toMatchObject({
    outcome: 'updated',
    numbers: { transferredFiles: 2, deletedFiles: 1, totalFiles: 4 },
  });
  expect(stages(here, second)).toEqual(['list']);
  rmSync(join(here.up, 'a/unlisted.rpm'));
  expect(snapshot(here.live())).toEqual(snapshot(here.up));
  expect(here.log(second)).toContain('2 paths that fullfiletimelist-pond no longer names were removed.');

  // and the other slot is made from it by what was recorded
  writeTree(here.up, { 'a/five.rpm': '5' });
  writeList(here.up);
  const third = await here.sync();
  expect(third).toMatchObject({ outcome: 'updated', numbers: { addedFiles: 1, deletedFiles: 0, totalFiles: 5 } });
  expect(snapshot(here.live())).toEqual(snapshot(here.up));
});

test('nothing comes where the list has not changed, and its time is a marker', async () => {
  const here = await scene({ marker: testMarker(LIST, { parser: 'last-modified' }) });
  await here.sync();
  expect(await here.sync()).toMatchObject({ outcome: 'unchanged', message: 'The marker of upstream has not moved.' });
  const without = await scene();
  await without.sync();
  const again = await without.sync();
  expect([again.outcome, ...stages(without, again)]).toEqual(['unchanged', 'list']);
});

test('what is protected stays when the list no longer names it', async () => {
  const here = await scene({ protect: ['/b/c/three.rpm'] });
  await here.sync();
  rmSync(join(here.up, 'b'), { recursive: true });
  rmSync(join(here.up, 'a/two.rpm'));
  writeList(here.up);
  const run = await here.sync();
  expect([run.outcome, ...stages(here, run)]).toEqual(['updated', 'all']);
  expect(['b/c/three.rpm', 'a/two.rpm'].map((path) => existsSync(join(here.live(), path)))).toEqual([true, false]);
});

test('folders and files that the mirror does not want stay away', async () => {
  const here = await scene({ exclude: ['/debug/', '*-debuginfo*'] });
  await here.sync();
  writeTree(here.up, { 'debug/x/y.rpm': 'x', 'a/z-debuginfo.rpm': 'x', 'a/z.rpm': 'x', 'a/debug/w.rpm': 'x' });
  writeList(here.up);
  const run = await here.sync();
  expect(stages(here, run)).toEqual(['list']);
  const has = (path: string): boolean => existsSync(join(here.live(), path));
  expect([has('debug'), has('a/z-debuginfo.rpm'), has('a/z.rpm'), has('a/debug/w.rpm')]).toEqual([
    ...[false, false, true, true],
  ]);
});

test.each([
  ['is torn', (text: string) => text.replace('[End]\n', ''), 'is torn: it does not end with [End].'],
  ['leads out of the tree', (text: string) => text.replace('a/one.rpm', '../one.rpm'), 'would lead out of the tree.'],
  ['is absolute', (text: string) => text.replace('a/one.rpm', '/etc/passwd'), 'would lead out of the tree.'],
  ['holds a line without end', () => 'x'.repeat(300_000), 'has a line 1 of over 8192 bytes.'],
  ['is a page', () => '<html>404</html>\n', 'is no list of files'],
  [
    'has shrunk',
    (text: string) => text.replace(/^.*\t[ab]\/.*\n/gm, '').replace(/^.*\td\t.*\n/gm, ''),
    'is taken for a mistake',
  ],
])('a list that %s is refused, and the tree stays', async (_, spoil, words) => {
  const here = await scene();
  await here.sync();
  const before = snapshot(here.live());
  const list = join(here.up, LIST);
  writeFileSync(list, spoil(readFileSync(list, 'utf8')));
  const run = await here.sync();
  expect(run).toMatchObject({ outcome: 'failed', failure: 'partial' });
  expect(run.message).toContain(words);
  expect(stages(here, run)).toEqual([]);
  expect(snapshot(here.live())).toEqual(before);
  // a first run refuses it as well
  const first = await scene();
  writeFileSync(join(first.up, LIST), spoil(readFileSync(join(first.up, LIST), 'utf8')));
  if (words !== 'is taken for a mistake') expect((await first.sync()).message).toContain(words);
});

test('what is restricted is not asked for, and what is there of it stays', async () => {
  const here = await scene();
  await here.sync();
  const list = readFileSync(join(here.up, LIST), 'utf8').replace(/\tf\t1\ta\/one/, '\tf-\t1\ta/one');
  writeFileSync(join(here.up, LIST), list.replace('\n\n[Checksums', '\n1\tf*\t5\ta/soon.rpm\n\n[Checksums'));
  const run = await here.sync();
  expect(run).toMatchObject({ outcome: 'updated', numbers: { transferredFiles: 0, deletedFiles: 0 } });
  expect(readFileSync(join(here.live(), 'a/one.rpm'), 'utf8')).toBe('1');
});

test('a file that an interrupted run brought and upstream has withdrawn does not stay', async () => {
  const here = await scene({ retry: { attempts: 1, firstBackoff: 1, maxBackoff: 1 } });
  await here.sync();
  writeTree(here.up, { 'a/brief.rpm': 'b' });
  writeList(here.up, ['1\tf\t1\ta/not-there.rpm']);
  expect(await here.sync()).toMatchObject({ outcome: 'failed', failure: 'partial' });
  const staging = here.millpond.layout.slot('pond', 'b');
  expect(existsSync(join(staging, 'a/brief.rpm'))).toBe(true);
  rmSync(join(here.up, 'a/brief.rpm'));
  writeTree(here.up, { 'a/kept.rpm': 'k' });
  writeList(here.up);
  const run = await here.sync();
  expect([run.outcome, ...stages(here, run)]).toEqual(['updated', 'list']);
  expect(snapshot(here.live())).toEqual(snapshot(here.up));
});

test('all is compared again by force, with other filters, after a rollback and without a list', async () => {
  const here = await scene();
  await here.sync();
  writeTree(here.up, { 'a/six.rpm': '6' });
  writeList(here.up);
  await here.sync();
  // behind the back of the list
  writeFileSync(join(here.up, 'a/unlisted.rpm'), 'x');
  const forced = await here.sync({ force: true });
  expect(stages(here, forced)).toEqual(['all']);
  expect(existsSync(join(here.live(), 'a/unlisted.rpm'))).toBe(true);

  await here.millpond.engine.rollback('pond');
  here.millpond.engine.resume('pond');
  expect(stages(here, await here.sync())).toEqual(['all']);

  rmSync(join(here.up, LIST));
  const without = await here.sync();
  expect(stages(here, without)).toEqual(['all']);
  expect(here.log(without)).toContain(`Upstream has no list of files ${LIST}; going on without.`);
  expect(existsSync(join(here.live(), LIST))).toBe(true);
});

test('all is compared after a killed run, which may have left what no list names', async () => {
  const here = await scene();
  await here.sync();
  writeTree(here.up, { 'a/seven.rpm': '7' });
  writeList(here.up);
  await here.sync();
  const { store, layout } = here.millpond;
  const base = store.generations.live('pond')?.id ?? 0;
  await here.sync(); // makes the other slot equal
  writeTree(layout.slot('pond', 'a'), { 'a/left.rpm': 'x' });
  store.mirrors.setStaging('pond', { base, state: 'uncertain' });
  writeTree(here.up, { 'a/eight.rpm': '8' });
  writeList(here.up);
  const run = await here.sync();
  expect([run.outcome, ...stages(here, run)]).toEqual(['updated', 'all']);
  expect(snapshot(here.live())).toEqual(snapshot(here.up));
});

test('a list removes nothing that lies behind a link', async () => {
  const here = await scene();
  await here.sync();
  writeTree(here.up, { 'real/x': 'x' });
  symlinkSync('real', join(here.up, 'link'));
  writeList(here.up);
  await here.sync();
  const inode = statSync(join(here.live(), 'real/x')).ino;
  // the former list is this server's own; it names what lies behind the link all the same
  const former = join(here.live(), LIST);
  writeFileSync(former, readFileSync(former, 'utf8').replace('\n\n[Checksums', '\n1\tf\t1\tlink/x\n\n[Checksums'));
  await here.sync();
  expect(statSync(join(here.live(), 'real/x')).ino).toBe(inode);
});
