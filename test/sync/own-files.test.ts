import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { TreeMirror } from '../../core/mirror.js';
import { GUARD, startEngine, testMarker, testMirror, testSettings, type TestEngine } from '../fixtures/engine.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { writeTree } from '../fixtures/tree.js';

interface Scene {
  readonly up: string;
  readonly millpond: TestEngine;
  /** The file as it is served. */
  live(path: string): string;
  log(run: number): string;
}

const NOW = Date.UTC(2026, 10, 25, 12);

async function scene(files: Readonly<Record<string, string>>, fields: Partial<TreeMirror>): Promise<Scene> {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  writeTree(up, files);
  const daemon = await startDaemon({ modules: { pond: up } });
  onTestFinished(() => daemon.stop());
  const mirror = testMirror({ name: 'pond', upstreams: [daemon.url('pond')], ...fields });
  let now = NOW;
  const millpond = await startEngine(testSettings(folder, [mirror]), () => (now += 1000));
  onTestFinished(() => millpond.stop());
  const { layout } = millpond;
  return {
    ...{ up, millpond },
    live: (path) => readFileSync(join(layout.live('pond'), path), 'utf8'),
    log: (run) => readFileSync(layout.log('pond', run), 'utf8'),
  };
}

const HEARTBEAT = { marker: testMarker('lastupdate', { parser: 'epoch' }), heartbeat: 'lastsync' };

test('a heartbeat comes although the marker has not moved, into the tree that is served, and nothing else', async () => {
  const { up, millpond, live } = await scene({ lastupdate: '100\n', lastsync: '100\n', file: 'one' }, HEARTBEAT);
  const first = await millpond.sync('pond');
  const before = millpond.trees.get('pond');
  const held = readFileSync(join(millpond.layout.live('pond'), 'lastsync'));
  writeTree(up, { lastsync: '160\n', file: 'two' });
  utimesSync(join(up, 'lastsync'), 1_700_000_000, 1_700_000_000);
  const second = await millpond.sync('pond');
  expect([first.outcome, second.outcome]).toEqual(['updated', 'unchanged']);
  expect(second.generation).toBeNull();
  expect([held.toString(), live('lastsync'), live('file')]).toEqual(['100\n', '160\n', 'one']);
  expect(statSync(join(millpond.layout.live('pond'), 'lastsync')).mtimeMs).toBe(1_700_000_000_000);
  // whoever keeps anything of the tree in memory looks again
  expect(millpond.trees.get('pond')).not.toBe(before);
  expect(millpond.trees.get('pond')).toEqual(before);
  const same = millpond.trees.get('pond');
  await millpond.sync('pond');
  expect(millpond.trees.get('pond')).toBe(same);
});

test('a heartbeat is replaced and not written into: the other tree and open files keep theirs', async () => {
  const { up, millpond, live } = await scene({ lastupdate: '1', lastsync: '1', file: 'one' }, HEARTBEAT);
  await millpond.sync('pond');
  writeTree(up, { lastupdate: '2', file: 'three' });
  await millpond.sync('pond');
  const slot = (name: 'a' | 'b'): string => join(millpond.layout.slot('pond', name), 'lastsync');
  expect(statSync(slot('a')).ino).toBe(statSync(slot('b')).ino);
  writeTree(up, { lastsync: '3' });
  await millpond.sync('pond');
  expect([live('lastsync'), readFileSync(slot('a'), 'utf8')]).toEqual(['3', '1']);
  // and the next tree is again as upstream has it
  writeTree(up, { lastupdate: '4', lastsync: '4' });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
  expect([live('lastsync'), live('lastupdate'), live('file')]).toEqual(['4', '4', 'three']);
});

test('a heartbeat that is not there, or has a link in its way, changes nothing and fails no run', async () => {
  const { up, millpond, live, log } = await scene(
    { lastupdate: '1', 'real/x': 'x' },
    { ...HEARTBEAT, heartbeat: 'state/lastsync' },
  );
  symlinkSync('real', join(up, 'state'));
  await millpond.sync('pond');
  const missing = await millpond.sync('pond');
  expect(missing.outcome).toBe('unchanged');
  expect(log(missing.id)).toContain('Upstream has no state/lastsync.');
  writeFileSync(join(up, 'real/lastsync'), '2');
  const blocked = await millpond.sync('pond');
  expect(blocked.outcome).toBe('unchanged');
  expect(log(blocked.id)).toContain('state/lastsync cannot be written: the tree has something else in its place.');
  expect(() => live('real/lastsync')).toThrow('ENOENT');
});

test('an epoch is written by each run that went well, also by one that had nothing to do', async () => {
  const { up, millpond, live } = await scene(
    { lastupdate: '1', file: 'one' },
    { marker: testMarker('lastupdate'), trace: { kind: 'epoch', path: 'lastsync', host: 'm.example' } },
  );
  await millpond.sync('pond');
  const first = Number(live('lastsync'));
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'unchanged' });
  const second = Number(live('lastsync'));
  expect([first > NOW / 1000, second > first]).toEqual([true, true]);
  // upstream's own neither comes nor is missed
  writeTree(up, { lastupdate: '2', lastsync: 'upstream' });
  const third = await millpond.sync('pond');
  expect(third).toMatchObject({ outcome: 'updated', numbers: { deletedFiles: 0, transferredFiles: 1 } });
  expect(Number(live('lastsync'))).toBeGreaterThan(second);
  rmSync(join(up, 'file'));
  const failed = await scene({ file: 'x', other: 'x' }, { trace: { kind: 'epoch', path: 'file', host: 'm.example' } });
  mkdirSync(join(failed.up, 'folder'));
  expect(await failed.millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
  expect(failed.live('file')).toMatch(/^\d+\n$/);
});

const DEBIAN = { kind: 'debian', path: 'project/trace', host: 'mirror.example.edu' } as const;

test('a trace of Debian is part of the tree that it tells of', async () => {
  const { up, millpond, live } = await scene(
    {
      'project/trace/master': 'Date: Wed, 25 Nov 2026 08:00:00 +0000\nArchive serial: 2026112502\n',
      'project/trace/ftp.example.org': 'x',
      'project/trace/_hierarchy': 'upstream',
      'project/trace/_hierarchy.mirror': 'ftp.example.org ftp.example.org a.example.org master\n',
      'project/trace/_traces': 'upstream',
      'dists/stable/main/binary-amd64/Release': 'x',
      'dists/stable/main/source/Release': 'x',
    },
    { marker: testMarker('project/trace/master', { parser: 'date-line' }), trace: DEBIAN },
  );
  utimesSync(join(up, 'project/trace/ftp.example.org'), 1_700_000_000, 1_700_000_000);
  utimesSync(join(up, 'project/trace/master'), 1_600_000_000, 1_600_000_000);
  const first = await millpond.sync('pond');
  expect(first.outcome).toBe('updated');
  const trace = live('project/trace/mirror.example.edu');
  expect(trace).toMatch(
    /^Wed Nov 25 12:\d\d:\d\d UTC 2026\nDate: Wed, 25 Nov 2026 12:\d\d:\d\d \+0000\nDate-Started: /,
  );
  expect(trace).toContain('\nArchive serial: 2026112502\nCreator: Millpond ');
  expect(trace).toContain('\nTrigger: manual\nArchitectures: amd64 source\nUpstream-mirror: 127.0.0.1\n');
  expect(live('project/trace/_traces')).toBe('master\nftp.example.org\nmirror.example.edu\n');
  const [above, own, ...more] = live('project/trace/_hierarchy').split('\n');
  expect(above).toBe('ftp.example.org ftp.example.org a.example.org master');
  expect(own).toMatch(/^mirror\.example\.edu mirror\.example\.edu \S+ 127\.0\.0\.1$/);
  expect(more).toEqual(['']);
  expect(live('project/trace/_hierarchy.mirror')).toBe(live('project/trace/_hierarchy'));

  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'unchanged' });
  expect(live('project/trace/mirror.example.edu')).toBe(trace);
  writeTree(up, { 'project/trace/master': 'Date: Wed, 25 Nov 2026 14:00:00 +0000\nArchive serial: 2026112503\n' });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated', numbers: { transferredFiles: 1 } });
  expect(live('project/trace/mirror.example.edu')).toContain('Archive serial: 2026112503');
});

test('what upstream has among its traces that is none fails no run', async () => {
  const { up, millpond, live } = await scene({ 'project/trace/ftp.example.org': 'x', file: 'x' }, { trace: DEBIAN });
  utimesSync(join(up, 'project/trace/ftp.example.org'), 1_700_000_000, 1_700_000_000);
  writeFileSync(Buffer.concat([Buffer.from(join(up, 'project/trace/')), Buffer.from([0x61, 0xff])]), 'x');
  writeFileSync(join(up, 'project/trace/two\nlines'), 'x');
  symlinkSync('master', join(up, 'project/trace/master'));
  symlinkSync('dists', join(up, 'dists'));
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
  expect(live('project/trace/_traces')).toBe('ftp.example.org\nmirror.example.edu\n');
});

test('a trace survives an upstream without its folder, and is no change by itself', async () => {
  const { up, millpond, live } = await scene({ 'project/trace/master': '1', file: 'x' }, { trace: DEBIAN });
  await millpond.sync('pond');
  const trace = live('project/trace/mirror.example.edu');
  // without a marker all is compared
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'unchanged' });
  rmSync(join(up, 'project'), { recursive: true });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated', numbers: { deletedFiles: 1 } });
  expect(live('project/trace/mirror.example.edu')).not.toBe(trace);
  expect(live('project/trace/mirror.example.edu')).not.toContain('serial');
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'unchanged' });
});

test('a run that is held or fails writes no trace', async () => {
  const files = Object.fromEntries([...Array(40).keys()].map((n) => [`f${n}`, String(n)]));
  const { up, millpond, live } = await scene(files, {
    trace: { kind: 'date', path: 'trace', host: 'm.example' },
    guard: { ...GUARD, maxDelete: 0.1 },
  });
  await millpond.sync('pond');
  const before = live('trace/m.example');
  expect(before).toMatch(/^Wed Nov 25 12:\d\d:\d\d UTC 2026\n$/);
  for (let n = 0; n < 30; n++) rmSync(join(up, `f${n}`));
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'held' });
  expect(live('trace/m.example')).toBe(before);
});
