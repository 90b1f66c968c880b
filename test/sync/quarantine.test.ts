import { existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createSigningKey, exportPublicKey } from '../../cli/quickstart/signing-key.js';
import type { TreeMirror } from '../../core/mirror.js';
import { startCuttingProxy, type CuttingProxy } from '../fixtures/cutting-proxy.js';
import { startEngine, testMirror, testSettings } from '../fixtures/engine.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { indexForms, packagesText, writePackages, writeSuite, type FakePackage } from '../fixtures/signed-suite.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot } from '../fixtures/tree.js';

/** An apt archive in a folder, and a mirror of it that verifies. */
async function world({
  mode = 'enforce',
  upstreamOf = (up) => Promise.resolve(`${up}/`),
  ...more
}: {
  mode?: TreeMirror['verify']['mode'];
  /** Where the folder is pulled from. */
  upstreamOf?: (up: string) => Promise<string>;
} & Partial<TreeMirror> = {}) {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  const key = { home: join(folder, 'gnupg'), userId: 'Test <test@localhost>' };
  const keyring = join(folder, 'keys.gpg');
  mkdirSync(up);
  await createSigningKey(key);
  await exportPublicKey(key, keyring, `${keyring}.asc`);
  const packages: FakePackage[] = [];
  const publish = async (name: string, { bytes = 0 } = {}): Promise<string> => {
    const path = `pool/${name}_1_amd64.deb`;
    packages.push({ name, path, content: `the bytes of ${name}${'.'.repeat(bytes)}` });
    writePackages(up, packages.slice(-1));
    const contents = { 'main/Contents-amd64': '.'.repeat(bytes) };
    const indexes = { ...indexForms('main/binary-amd64/Packages', packagesText(packages)), ...contents };
    await writeSuite(join(up, 'dists/stable'), key, { indexes });
    return path;
  };
  const verify = { kinds: ['apt' as const], mode, keyrings: [{ name: 'keys.gpg', candidates: [keyring] }] };
  const upstreams = [await upstreamOf(up)];
  const mirror = { name: 'debian', upstreams, verify: { ...verify, hashes: 'sampled' as const }, ...more };
  const millpond = await startEngine(testSettings(folder, [testMirror(mirror)]));
  onTestFinished(() => millpond.stop());
  const live = (): Record<string, string> => snapshot(millpond.layout.live('debian'));
  const log = (run: number): string => readFileSync(millpond.layout.log('debian', run), 'utf8');
  return { folder, up, key, keyring, packages, publish, millpond, live, log };
}

describe('a tree that fails verification', () => {
  test('is not served, names the file, is told more loudly from the third time on, and heals', async () => {
    const { up, publish, millpond, live, packages } = await world();
    await publish('one');
    expect(await millpond.sync('debian')).toMatchObject({ outcome: 'updated' });
    const before = live();
    const missing = await publish('two');
    rmSync(join(up, missing));
    const sentence =
      'The new tree failed verification: "pool/two_1_amd64.deb" is missing, and ' +
      '"dists/stable/main/binary-amd64/Packages" names it.';
    for (const end of ['', '', ' Run 3 in a row that ends so: somebody has to look at it.']) {
      const run = await millpond.sync('debian');
      expect(run).toMatchObject({ outcome: 'quarantined', message: sentence + end });
      expect(live()).toEqual(before);
    }
    writePackages(up, packages);
    const run = await millpond.sync('debian');
    expect(run).toMatchObject({ outcome: 'updated' });
    expect(live()).toEqual(snapshot(up));
    expect(millpond.store.generations.live('debian')?.verification).toBe(
      'Verified before it was published: tree, apt.',
    );
    expect(existsSync(millpond.layout.suspects('debian'))).toBe(false);
  });

  test('is pulled once more when upstream was changing: what was missing then may be there now', async () => {
    const { up, publish, millpond, live, log, packages } = await world();
    await publish('one');
    await millpond.sync('debian');
    rmSync(join(up, await publish('two')));
    const unsubscribe = millpond.engine.subscribe((event) => {
      if (event.type === 'run.phase' && event.run.phase === 'verify') writePackages(up, packages);
    });
    const run = await millpond.sync('debian');
    unsubscribe();
    expect(run).toMatchObject({ outcome: 'updated' });
    expect(live()).toEqual(snapshot(up));
    expect(log(run.id)).toContain('everything is pulled once more');
    expect(run.numbers).toMatchObject({ addedFiles: 1 });
  });

  test('is repaired where bytes went bad that size and time do not tell', async () => {
    const { up, publish, millpond, live, packages } = await world();
    await publish('one');
    await millpond.sync('debian');
    const bad = await publish('two');
    rmSync(join(up, await publish('three')));
    expect(await millpond.sync('debian')).toMatchObject({ outcome: 'quarantined' });
    const staged = join(millpond.layout.slot('debian', 'b'), bad);
    const { atime, mtime, size } = statSync(staged);
    writeFileSync(staged, 'x'.repeat(size));
    utimesSync(staged, atime, mtime);
    writePackages(up, packages.slice(-1));
    expect(await millpond.sync('debian')).toMatchObject({ outcome: 'updated' });
    expect(live()).toEqual(snapshot(up));
  });

  test('is served in mode warn, with what is wrong in the run and with the generation', async () => {
    const { up, publish, millpond, live } = await world({ mode: 'warn' });
    const missing = await publish('one');
    await publish('two');
    rmSync(join(up, missing));
    const run = await millpond.sync('debian');
    const fault = /Published although its verification failed: "pool\/one_1_amd64\.deb" is missing, and .* names it\.$/;
    expect(run).toMatchObject({ outcome: 'updated', message: expect.stringMatching(fault) as string });
    expect(millpond.store.generations.live('debian')?.verification).toMatch(fault);
    expect(live()).toEqual(snapshot(up));
    await publish('three');
    expect((await millpond.sync('debian')).message).toMatch(fault); // and it is not forgotten
  });

  test('is not looked at in mode off', async () => {
    const { up, publish, millpond } = await world({ mode: 'off' });
    rmSync(join(up, await publish('one')));
    const run = await millpond.sync('debian');
    expect(run).toMatchObject({ outcome: 'updated' });
    expect(run.message).not.toContain('verification');
    expect(millpond.store.generations.live('debian')?.verification).toBe('Verified before it was published: tree.');
  });
});

const INDEXES = ['Packages*', 'Contents*', 'Release*', 'InRelease'];
const STAGES = [
  { name: 'content', include: [], exclude: INDEXES, delete: false, options: [] },
  { name: 'indexes', include: [], exclude: [], delete: true, options: [] },
];

test('a pull that is cut in the stage of the indexes leaves what is served, and the next run goes on', async () => {
  const cutting: CuttingProxy[] = [];
  const upstreamOf = async (up: string): Promise<string> => {
    const daemon = await startDaemon({ modules: { up } });
    onTestFinished(() => daemon.stop());
    const proxy = await startCuttingProxy(daemon.port);
    onTestFinished(() => proxy.stop());
    cutting.push(proxy);
    return proxy.url('up');
  };
  const retry = { attempts: 1, firstBackoff: 60, maxBackoff: 60 };
  const { up, publish, millpond, live, log } = await world({ upstreamOf, stages: STAGES, retry });
  await publish('one');
  expect(await millpond.sync('debian')).toMatchObject({ outcome: 'updated' });
  const before = live();
  const path = await publish('two', { bytes: 2_000_000 });
  cutting[0]?.cutAfter(3_000_000); // the package has come by then, and its indexes have not
  const run = await millpond.sync('debian');
  expect(run).toMatchObject({ outcome: 'failed', numbers: { addedFiles: 0 } });
  expect(log(run.id)).toContain('stage indexes');
  expect(existsSync(join(millpond.layout.slot('debian', 'b'), path))).toBe(true);
  expect(live()).toEqual(before);
  expect(await millpond.sync('debian')).toMatchObject({ outcome: 'updated' });
  expect(live()).toEqual(snapshot(up));
});

test('without a keyring nothing is pulled, and the run says what to do', async () => {
  const { publish, keyring, millpond } = await world();
  await publish('one');
  rmSync(keyring);
  expect(await millpond.sync('debian')).toMatchObject({
    ...{ outcome: 'failed', failure: 'local', retryAt: null },
    message: `The keyring "keys.gpg" is not there. Get it from the upstream and put it at "${keyring}".`,
  });
  expect(existsSync(millpond.layout.slot('debian', 'a'))).toBe(false);
});

test('what a published tree names is kept with the number of its generation', async () => {
  const { publish, millpond } = await world();
  const kept = (): unknown =>
    JSON.parse(readFileSync(join(millpond.layout.verified('debian', 'apt'), 'in-force.json'), 'utf8'));
  await publish('one');
  const first = await millpond.sync('debian');
  expect(kept()).toMatchObject({ generation: first.generation });
  await publish('two');
  const second = await millpond.sync('debian');
  expect(kept()).toMatchObject({ generation: second.generation });
});

test('a tree that is published in place is verified as well, and says so when it fails', async () => {
  const { publish, up, millpond, packages } = await world({ publish: 'in-place' });
  await publish('one');
  expect(await millpond.sync('debian')).toMatchObject({ outcome: 'updated' });
  rmSync(join(up, await publish('two')));
  expect(await millpond.sync('debian')).toMatchObject({ outcome: 'quarantined' });
  expect(await millpond.sync('debian')).toMatchObject({ outcome: 'quarantined' });
  writePackages(up, packages);
  expect(await millpond.sync('debian')).toMatchObject({ outcome: 'updated' });
});
