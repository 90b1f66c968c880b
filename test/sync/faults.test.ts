import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { TreeMirror } from '../../core/mirror.js';
import { startCuttingProxy } from '../fixtures/cutting-proxy.js';
import { GUARD, startEngine, testMarker, testMirror, testSettings, type TestEngine } from '../fixtures/engine.js';
import { startMuteDaemon, startSilentUpstream } from '../fixtures/hanging-upstream.js';
import { startDaemon, type Daemon, type DaemonOptions } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../fixtures/tree.js';

interface World {
  readonly folder: string;
  /** The upstream's tree. */
  readonly up: string;
  readonly daemon: Daemon;
  readonly millpond: TestEngine;
  live(): string;
}

/** A real daemon that exports one tree, and the engine with one mirror `pond` of it. */
async function world(
  fields: Partial<TreeMirror> = {},
  options: {
    url?: string;
    daemon?: Partial<DaemonOptions>;
    data?: string;
    sync?: Parameters<typeof testSettings>[2];
  } = {},
): Promise<World> {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  mkdirSync(up);
  const daemon = await startDaemon({ modules: { pond: up }, ...options.daemon });
  onTestFinished(() => daemon.stop());
  const mirror = testMirror({ name: 'pond', upstreams: [options.url ?? daemon.url('pond')], ...fields });
  const millpond = await startEngine(testSettings(options.data ?? folder, [mirror], options.sync));
  onTestFinished(() => millpond.stop());
  return { folder, up, daemon, millpond, live: () => millpond.layout.live('pond') };
}

test('a first run publishes the tree byte for byte, a second one replaces it whole', async () => {
  const { up, millpond, live } = await world();
  writeTree(up, { 'a.txt': 'one', 'deep/er/b.bin': randomBytes(100_000), 'deep/c': 'three' });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated', numbers: { addedFiles: 3, totalFiles: 3 } });
  expect(snapshot(live())).toEqual(snapshot(up));
  rmSync(join(up, 'deep'), { recursive: true });
  writeTree(up, { 'a.txt': 'uno', deep: 'now a file' });
  const run = await millpond.sync('pond');
  expect(run).toMatchObject({ outcome: 'updated', numbers: { deletedFiles: 2, deletedBytes: 100_005, addedFiles: 1 } });
  expect(snapshot(live())).toEqual(snapshot(up));
});

test('a run after which nothing differs is unchanged and publishes nothing', async () => {
  const { up, millpond } = await world();
  writeTree(up, { a: '1' });
  const first = await millpond.sync('pond');
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'unchanged', generation: null });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'unchanged', generation: null });
  expect(millpond.store.generations.live('pond')?.id).toBe(first.generation);
});

test('an equal marker ends a run before anything is pulled, and --force pulls all the same', async () => {
  const { up, millpond } = await world({ marker: testMarker('project/trace/master', { parser: 'date-line' }) });
  writeTree(up, { a: '1', 'project/trace/master': 'Fri Jan 19 20:15:01 UTC 2018\n' });
  expect(await millpond.sync('pond')).toMatchObject({
    outcome: 'updated',
    markerTime: Date.UTC(2018, 0, 19, 20, 15, 1),
  });
  writeTree(up, { b: 'not announced yet' });
  const second = await millpond.sync('pond');
  expect(second).toMatchObject({ outcome: 'unchanged' });
  expect(millpond.store.runs.stages(second.id)).toEqual([]);
  expect(await millpond.sync('pond', { force: true })).toMatchObject({ outcome: 'updated' });
});

test('a marker that moves during the pull causes another pass', async () => {
  const { up, millpond, live } = await world({
    marker: testMarker('stamp', { parser: 'epoch' }),
    stages: [
      { name: 'content', include: [], exclude: ['stamp'], delete: false, options: [] },
      { name: 'all', include: [], exclude: [], delete: true, options: [] },
    ],
  });
  writeTree(up, { a: '1', stamp: '100' });
  let moved = false;
  millpond.engine.subscribe((event) => {
    if (event.type !== 'run.phase' || event.run.phase !== 'pull' || moved) return;
    moved = true;
    writeTree(up, { stamp: '101', late: 'came during the pull' });
  });
  const run = await millpond.sync('pond');
  const passes = millpond.store.runs.stages(run.id).map(({ pass, name }) => `${pass} ${name}`);
  expect(passes).toEqual(['1 content', '1 all', '2 content', '2 all']);
  expect(run).toMatchObject({ outcome: 'updated', markerValue: '101' });
  expect(snapshot(live())).toEqual(snapshot(up));
});

test('an upstream that refuses the connection fails as connect, and the next of the list is asked', async () => {
  const { up, daemon, millpond, live } = await world({ upstreams: ['rsync://127.0.0.1:1/pond/'] });
  writeTree(up, { a: '1' });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'failed', failure: 'connect', exitCode: 10 });
  const both = testMirror({ name: 'pond', upstreams: ['rsync://127.0.0.1:1/pond/', daemon.url('pond')] });
  millpond.engine.apply({ ...millpond.settings, mirrors: new Map([['pond', both]]) });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated', upstream: daemon.url('pond') });
  expect(snapshot(live())).toEqual(snapshot(up));
});

test('an unknown module, a wrong password and too many connections are refusals', async () => {
  const { daemon, millpond } = await world(
    {},
    { daemon: { auth: { user: 'mirror', password: 'right' }, maxConnections: 1 } },
  );
  const refusedBy = async (fields: Partial<TreeMirror>): Promise<string> => {
    const mirror = testMirror({ name: 'pond', upstreams: [daemon.url('pond')], ...fields });
    millpond.engine.apply({ ...millpond.settings, mirrors: new Map([['pond', mirror]]) });
    const run = await millpond.sync('pond');
    expect(run).toMatchObject({ outcome: 'failed', failure: 'refused' });
    return `${run.message}${readFileSync(millpond.layout.log('pond', run.id), 'utf8')}`;
  };
  expect(await refusedBy({ upstreams: [daemon.url('nothing')] })).toMatch(/no such module/i);
  process.env['TEST_WRONG_PASSWORD'] = 'wrong-secret';
  onTestFinished(() => void delete process.env['TEST_WRONG_PASSWORD']);
  const url = daemon.url('pond').replace('//', '//mirror@');
  expect(await refusedBy({ upstreams: [url], password: { env: 'TEST_WRONG_PASSWORD' } })).not.toContain('wrong-secret');
});

test('a password from a file opens the module', async () => {
  const { folder, up, daemon, millpond } = await world(
    {},
    { daemon: { auth: { user: 'mirror', password: 'open sesame' } } },
  );
  writeTree(up, { a: '1' });
  const file = join(folder, 'password');
  writeFileSync(file, 'open sesame\n', { mode: 0o600 });
  const url = daemon.url('pond').replace('//', '//mirror@');
  const mirror = testMirror({
    name: 'pond',
    upstreams: [url],
    password: { file },
    marker: testMarker('a'),
  });
  millpond.engine.apply({ ...millpond.settings, mirrors: new Map([['pond', mirror]]) });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated', upstream: daemon.url('pond') });
});

test.each([
  ['accepts and never says anything', startSilentUpstream],
  ['says hello and nothing more', startMuteDaemon],
])('an upstream that %s is ended after the stall time, with its process', async (_, start) => {
  const hanging = await start();
  onTestFinished(() => hanging.stop());
  const { millpond } = await world({ stall: 1 }, { url: hanging.url('pond') });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'failed', failure: 'timeout' });
  expect(hanging.open()).toBe(0);
});

test('an upstream that disappears mid-file is resumed from the partial file', async () => {
  const folder = await tempFolder();
  mkdirSync(join(folder, 'up'));
  const size = 8_000_000;
  writeTree(join(folder, 'up'), { 'big.iso': randomBytes(size) });
  const daemon = await startDaemon({ modules: { pond: join(folder, 'up') } });
  onTestFinished(() => daemon.stop());
  const proxy = await startCuttingProxy(daemon.port);
  onTestFinished(() => proxy.stop());
  const mirror = testMirror({ name: 'pond', upstreams: [proxy.url('pond')] });
  const millpond = await startEngine(testSettings(folder, [mirror]));
  onTestFinished(() => millpond.stop());
  proxy.cutAfter(size * 0.75);
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'failed', failure: 'connect' });
  expect(millpond.store.generations.live('pond')).toBeUndefined();
  const before = proxy.bytesDown();
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
  expect(proxy.bytesDown() - before).toBeLessThan(size * 0.5);
  expect(snapshot(millpond.layout.live('pond'))).toEqual(snapshot(join(folder, 'up')));
});

test('an upstream that turns empty is quarantined; live stays, and nothing is fetched twice when it is back', async () => {
  const { folder, up, millpond, live } = await world();
  writeTree(up, { 'a/one': randomBytes(200_000), two: '2' });
  await millpond.sync('pond');
  const served = snapshot(live());
  execFileSync('mv', [up, join(folder, 'aside')]);
  mkdirSync(up);
  const run = await millpond.sync('pond');
  expect(run).toMatchObject({ outcome: 'quarantined', message: expect.stringMatching(/holds no file/) as string });
  expect(snapshot(live())).toEqual(served);
  rmSync(up, { recursive: true });
  execFileSync('mv', [join(folder, 'aside'), up]);
  const back = await millpond.sync('pond');
  expect(back.numbers.receivedBytes).toBeLessThan(10_000);
  expect(snapshot(live())).toEqual(served);
});

test('deletions over the limit are held again and again, until somebody forces them', async () => {
  const { up, millpond, live } = await world({ guard: { ...GUARD, maxDelete: 0.3 } });
  for (let i = 0; i < 100; i++) writeTree(up, { [`f${i}`]: String(i) });
  await millpond.sync('pond');
  for (let i = 0; i < 40; i++) rmSync(join(up, `f${i}`));
  for (const time of ['first', 'second']) {
    expect(await millpond.sync('pond'), time).toMatchObject({
      outcome: 'held',
      message: expect.stringContaining('40 of 100 files (40 %)') as string,
    });
    expect(Object.keys(snapshot(live()))).toHaveLength(100);
  }
  expect(await millpond.sync('pond', { force: true })).toMatchObject({ outcome: 'updated' });
  expect(snapshot(live())).toEqual(snapshot(up));
});

test('files that vanish during the pull cause another pass and no failure', async () => {
  const { folder, up, daemon } = await world();
  const proxy = await startCuttingProxy(daemon.port);
  onTestFinished(() => proxy.stop());
  writeTree(up, { '1-big': randomBytes(6_000_000), '2-big': randomBytes(6_000_000), '3-vanishes': 'soon gone' });
  const mirror = testMirror({ name: 'pond', upstreams: [proxy.url('pond')] });
  const millpond = await startEngine(testSettings(join(folder, 'other'), [mirror]));
  onTestFinished(() => millpond.stop());
  const running = millpond.sync('pond');
  await proxy.untilDown(1_000_000);
  proxy.stall();
  rmSync(join(up, '3-vanishes'));
  proxy.resume();
  const run = await running;
  expect(run).toMatchObject({ outcome: 'updated', exitCode: 0 });
  expect(millpond.store.runs.stages(run.id).map((stage) => stage.exitCode)).toEqual([24, 0]);
  expect(snapshot(millpond.layout.live('pond'))).toEqual(snapshot(up));
});

test('every name that a file system can hold is mirrored, replayed and deleted', async () => {
  const { up, millpond, live } = await world();
  const names = [
    'new\nline',
    'quo\'te"',
    'per%cent%41',
    'ü-ñ-漢',
    'back\\#101slash',
    ' blank ',
    '-rf',
    'tab\there',
    '*?[x]',
  ];
  const bytes = [Buffer.from([0x66, 0xff, 0xfe, 0x6f]), ...names.map((name) => Buffer.from(name))];
  const write = (content: string): void => {
    for (const name of bytes) writeFileSync(Buffer.concat([Buffer.from(`${up}/`), name]), content);
  };
  write('first');
  writeTree(up, { anchor: 'x' });
  await millpond.sync('pond');
  expect(snapshot(live())).toEqual(snapshot(up));
  write('second!');
  await millpond.sync('pond');
  // the list of the last publish is replayed on the other slot, so that nothing is left to fetch
  const replayed = await millpond.sync('pond');
  expect(replayed).toMatchObject({ outcome: 'unchanged', numbers: { transferredFiles: 0 } });
  for (const name of bytes) rmSync(Buffer.concat([Buffer.from(`${up}/`), name]));
  await millpond.sync('pond');
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'unchanged' });
  expect(Object.keys(snapshot(live()))).toEqual(['anchor']);
});

test('5,000 files in a folder and hard links come through, and slots share their bytes', async () => {
  const { up, millpond, live } = await world();
  mkdirSync(join(up, 'many'));
  for (let i = 0; i < 5000; i++) writeFileSync(join(up, 'many', `file-${i}`), `${i}`);
  writeTree(up, { original: 'linked' });
  linkSync(join(up, 'original'), join(up, 'same'));
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated', numbers: { totalFiles: 5002 } });
  expect(statSync(join(live(), 'same')).ino).toBe(statSync(join(live(), 'original')).ino);
  writeTree(up, { more: '1' });
  await millpond.sync('pond');
  const [a, b] = ['a', 'b'].map(
    (slot) => statSync(join(millpond.layout.slot('pond', slot as 'a'), 'many/file-42')).ino,
  );
  expect(a).toBe(b);
  expect(snapshot(live())).toEqual(snapshot(up));
});

test('links inside the tree come, links out of it do not, and nothing of the mode is dangerous', async () => {
  const { up, millpond, live } = await world();
  writeTree(up, { 'dir/file': 'x', tool: 'y' });
  execFileSync('chmod', ['6777', join(up, 'tool')]);
  symlinkSync('dir/file', join(up, 'inside'));
  symlinkSync('/etc/passwd', join(up, 'absolute'));
  symlinkSync('../../../etc/passwd', join(up, 'dir/upwards'));
  execFileSync('mkfifo', [join(up, 'pipe')]);
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
  expect(Object.keys(snapshot(live())).sort()).toEqual(['dir/file', 'inside', 'tool']);
  expect(lstatSync(join(live(), 'tool')).mode & 0o7777).toBe(0o644);
});

test('a full disk fails the run as disk-full and leaves the live tree alone', async () => {
  const folder = await tempFolder();
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  const [mount = '', ...rest] = [...asRoot, 'mount', '-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk];
  execFileSync(mount, rest);
  onTestFinished(() => {
    const [umount = '', ...more] = [...asRoot, 'umount', disk];
    execFileSync(umount, more);
  });
  const { up, millpond, live } = await world({}, { data: disk });
  writeTree(up, { small: 'fits' });
  await millpond.sync('pond');
  const served = snapshot(live());
  writeTree(up, { huge: randomBytes(16_000_000) });
  const run = await millpond.sync('pond');
  expect(run).toMatchObject({ outcome: 'failed', failure: 'disk-full', retryAt: null });
  expect(snapshot(live())).toEqual(served);
  // the list of changes is on that disk as well, and may lack lines: all is verified in the next run
  expect(millpond.store.mirrors.staging('pond')).toMatchObject({ state: 'uncertain' });
  rmSync(join(up, 'huge'));
  expect(['updated', 'unchanged']).toContain((await millpond.sync('pond')).outcome);
  expect(snapshot(live())).toEqual(served);
});

test('a run that would eat into the reserve is not admitted', async () => {
  const { up, millpond } = await world({}, { sync: { reserve: { share: 1 } } });
  writeTree(up, { a: '1' });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'failed', failure: 'disk-full' });
});

test('a mirror published in place is updated where it is served', async () => {
  const { up, millpond, live } = await world({ publish: 'in-place' });
  writeTree(up, { a: '1', b: '2' });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'unchanged' });
  rmSync(join(up, 'b'));
  writeTree(up, { a: 'one' });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated', numbers: { deletedFiles: 1 } });
  expect(snapshot(live())).toEqual(snapshot(up));
  expect(readdirSync(join(millpond.layout.mirror('pond'), 'slots'))).toEqual(['a']);
});

test('what the operator excludes later is removed from the tree', async () => {
  const { up, daemon, millpond, live } = await world();
  writeTree(up, { 'pool/x_arm64.deb': 'arm', 'pool/x_amd64.deb': 'amd' });
  await millpond.sync('pond');
  const mirror = testMirror({ name: 'pond', upstreams: [daemon.url('pond')], exclude: ['*_arm64.deb'] });
  millpond.engine.apply({ ...millpond.settings, mirrors: new Map([['pond', mirror]]) });
  await millpond.sync('pond');
  expect(Object.keys(snapshot(live()))).toEqual(['pool/x_amd64.deb']);
});

test('partial files of what upstream has no more are gone when the next run publishes', async () => {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  writeTree(up, { stays: '1', 'deep/big.iso': randomBytes(4_000_000) });
  const daemon = await startDaemon({ modules: { pond: up } });
  onTestFinished(() => daemon.stop());
  const proxy = await startCuttingProxy(daemon.port);
  onTestFinished(() => proxy.stop());
  const mirror = testMirror({ name: 'pond', upstreams: [proxy.url('pond')] });
  const millpond = await startEngine(testSettings(folder, [mirror]));
  onTestFinished(() => millpond.stop());
  proxy.cutAfter(2_000_000);
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'failed' });
  expect(Object.keys(snapshot(millpond.layout.slot('pond', 'a')))).toContain('deep/.~tmp~/big.iso');
  rmSync(join(up, 'deep/big.iso'));
  writeTree(up, { 'deep/other': '2' });
  expect(await millpond.sync('pond')).toMatchObject({ outcome: 'updated' });
  expect(snapshot(millpond.layout.live('pond'))).toEqual(snapshot(up));
});
