import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Settings } from '../../../config/settings.js';
import { Layout } from '../../../content/layout.js';
import { PublishedTrees, type PublishedTree } from '../../../content/published-trees.js';
import type { SlotName } from '../../../core/generation.js';
import { NO_LIMITS } from '../../../core/zone.js';
import { childrenOf, processesWithEnvironment } from '../../../platform/processes.js';
import { RsyncDaemon } from '../../../server/rsync-daemon/rsync-daemon.js';
import type { RsyncTransfer } from '../../../server/rsync-daemon/transfer-log.js';
import { freePort } from '../../fixtures/free-port.js';
import { PATIENT } from '../../fixtures/pond.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../../fixtures/tree.js';
import { makeMirror, makeSettings } from '../scene.js';

/** Bigger than what sockets hold, so that a transfer of it at 1 MB/s goes on until something ends it. */
const BIG_BYTES = 30_000_000;

interface Scene {
  readonly layout: Layout;
  readonly trees: PublishedTrees;
  readonly daemon: RsyncDaemon;
  readonly transfers: RsyncTransfer[];
  readonly errors: unknown[];
  settings: Settings;
  /** What clients ask: `rsync://127.0.0.1:PORT/`. */
  readonly url: string;
  readonly port: number;
}

async function startScene(): Promise<Scene> {
  const layout = new Layout(await tempFolder());
  mkdirSync(layout.runFolder);
  const port = await freePort();
  const address = { host: '127.0.0.1', port };
  const rsync = { address, maxConnections: 3, idle: 60, checksum: false };
  const mirrors = [makeMirror('debian', { title: 'Debian of %PATH%' }), makeMirror('other')];
  const made = makeSettings(layout.data, { mirrors });
  const settings: Settings = { ...made, listen: { ...made.listen, rsync } };
  const trees = new PublishedTrees();
  const [transfers, errors]: [RsyncTransfer[], unknown[]] = [[], []];
  const scene = { layout, trees, transfers, errors, settings, port, url: `rsync://127.0.0.1:${port}/` };
  const daemon = new RsyncDaemon({
    ...{ layout, trees, clock: Date.now, env: { MILLPOND_CHILD_OF: layout.data } },
    settings: () => scene.settings,
    log: { info: () => undefined, error: (line: unknown) => void errors.push(line) },
    onTransfer: (transfer) => void transfers.push(transfer),
  });
  onTestFinished(() => daemon.close(0));
  await daemon.listen(rsync);
  return Object.assign(scene, { daemon });
}

function tree({ layout }: Scene, slot: SlotName, files: Record<string, string | Buffer>): PublishedTree {
  const root = layout.slot('debian', slot);
  writeTree(root, files);
  return { root, generation: { id: slot === 'a' ? 1 : 2 } as PublishedTree['generation'] };
}

function rsync(...args: string[]): Promise<{ code: number; out: string; said: string }> {
  return new Promise((resolve) => {
    const child = execFile('rsync', args, (_, out, said) => resolve({ code: child.exitCode ?? -1, out, said }));
  });
}

describe('the daemon', () => {
  test('lists the mirrors that are published, with their titles, as they come and go', async () => {
    const scene = await startScene();
    expect(await rsync(scene.url)).toMatchObject({ code: 0, out: '' });
    scene.trees.set('debian', { live: tree(scene, 'a', { a: 'a' }), previous: null });
    expect((await rsync(scene.url)).out).toMatch(/^debian\s+Debian of % PATH%\n$/);
    scene.trees.set('debian', null);
    expect(await rsync(scene.url)).toMatchObject({ code: 0, out: '' });
    expect((await rsync(`${scene.url}debian/`)).said).toContain("Unknown module 'debian'");
  });

  test('sends a tree as it is, without what is no part of it, and tells what it sent', async () => {
    const scene = await startScene();
    const files = {
      'dists/Release': 'release',
      'pool/a b': 'packages',
      '.treeinfo': 'i',
      '.app.config': 'c',
      '.a.abcdef': 'd',
    };
    const hidden = {
      '.~tmp~/x': 'x',
      'pool/.a.Abc123': 'x',
      'pool/.rsync-partial/a': 'x',
      '~tmp~/x': 'x',
      '.x.abcde1': '',
    };
    scene.trees.set('debian', { live: tree(scene, 'a', { ...files, ...hidden }), previous: null });
    const target = join(scene.layout.data, 'copy');
    expect(await rsync('-az', `${scene.url}debian/`, target)).toMatchObject({ code: 0 });
    expect(Object.keys(snapshot(target)).sort()).toEqual(Object.keys(files).sort());
    for (const path of ['.~tmp~/x', 'pool/.rsync-partial/a', 'pool/.a.Abc123'])
      expect((await rsync(`${scene.url}debian/${path}`)).code).toBe(23);

    await expect.poll(() => scene.transfers.at(-1)?.path, PATIENT).toBeNull();
    const told = scene.transfers.filter(({ path }) => path !== null);
    expect(told.map(({ path }) => path?.join('/')).sort()).toEqual(Object.keys(files).sort());
    for (const transfer of scene.transfers) expect(transfer).toMatchObject({ mirror: 'debian', address: '127.0.0.1' });
    expect(Math.min(...told.map(({ bytes }) => bytes))).toBeGreaterThan(0);
  });

  test('nothing can be written, no link leads out, and checksums of all files are refused', async () => {
    const scene = await startScene();
    scene.trees.set('debian', { live: tree(scene, 'a', { a: 'a' }), previous: null });
    writeTree(scene.layout.data, { secret: 'secret', new: 'new' });
    expect((await rsync(join(scene.layout.data, 'new'), `${scene.url}debian/`)).said).toContain('read only');
    for (const path of ['../../../../secret', '../b'])
      expect((await rsync(`${scene.url}debian/${path}`)).code).not.toBe(0);
    const target = join(scene.layout.data, 'copy');
    expect((await rsync('-ac', `${scene.url}debian/`, target)).said).toContain('refuse --checksum');
    scene.settings = {
      ...scene.settings,
      listen: { ...scene.settings.listen, rsync: { ...scene.settings.listen.rsync!, checksum: true } },
    };
    await scene.daemon.listen(scene.settings.listen.rsync);
    expect(await rsync('-ac', `${scene.url}debian/`, target)).toMatchObject({ code: 0 });
  });
});

test('a mirror is read by the zones that may', async () => {
  const scene = await startScene();
  scene.trees.set('debian', { live: tree(scene, 'a', { a: 'a' }), previous: null });
  const zone = (name: string, ...networks: string[]) => [name, { name, networks, limits: NO_LIMITS }] as const;
  const readBy = async (...read: string[]): Promise<number> => {
    scene.settings = {
      ...scene.settings,
      zones: new Map([zone('campus', '127.0.0.0/8', '2001:db8::/32'), zone('lab', '127.0.0.0/16')]),
      mirrors: new Map([['debian', makeMirror('debian', { read })]]),
    };
    scene.daemon.refresh();
    return (await rsync(`${scene.url}debian/`)).code;
  };
  expect(await readBy('lab')).toBe(0);
  expect(await readBy('campus')).toBe(5); // the longer prefix makes it one of the lab
  expect(await readBy('public')).toBe(5);
  expect(await readBy('public', 'lab')).toBe(0);
});

describe('a connection during publishes', () => {
  /** A download of the generation in slot a, of which the first files have come. */
  async function slowDownload(scene: Scene) {
    const files = { '1': 'of a', '2': Buffer.alloc(BIG_BYTES, 'a'), '3': 'of a' };
    scene.trees.set('debian', { live: tree(scene, 'a', files), previous: null });
    const target = join(scene.layout.data, 'copy');
    const child = spawn('rsync', ['-a', '--bwlimit=1000', `${scene.url}debian/`, target], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    const ended = once(child, 'exit') as Promise<[number | null]>;
    await expect.poll(() => scene.transfers.length, PATIENT).toBeGreaterThan(0);
    return { target, ended, child };
  }

  test('goes on in its generation when another is published, and is ended when that is given up', async () => {
    const scene = await startScene();
    const { ended, child } = await slowDownload(scene);
    const next = tree(scene, 'b', { '1': 'of b' });
    const before = scene.trees.get('debian')!.live;
    scene.trees.set('debian', { live: next, previous: before });
    expect(await rsync('-r', `${scene.url}debian/`, join(scene.layout.data, 'new'))).toMatchObject({ code: 0 });
    expect(Object.keys(snapshot(join(scene.layout.data, 'new')))).toEqual(['1']);
    expect(child.exitCode).toBeNull();

    scene.trees.set('debian', { live: next, previous: null });
    writeFileSync(join(before.root, '3'), 'half of c');
    expect((await ended)[0]).not.toBe(0);
    expect(Object.keys(snapshot(join(scene.layout.data, 'copy')))).not.toContain('3');
  });

  test('one that has not said yet what it wants when its generation is left cannot begin in it', async () => {
    const scene = await startScene();
    const live = tree(scene, 'a', { '1': 'of a' });
    scene.trees.set('debian', { live, previous: null });
    const early = await greeted(scene.port);
    const closed = once(early, 'close');
    scene.trees.set('debian', { live: tree(scene, 'b', { '1': 'of b' }), previous: live });
    const late = await greeted(scene.port);
    scene.trees.set('debian', { live: scene.trees.get('debian')!.live, previous: null });
    await closed;
    late.write('@RSYNCD: 31.0\n#list\n');
    const [answer] = (await once(late, 'data')) as [Buffer];
    expect(answer.toString()).toContain('debian');
  });
});

test('clients beyond the limit are told so, and idle ones beyond it are sent away', async () => {
  const scene = await startScene();
  const sockets = await Promise.all([1, 2, 3, 4, 5].map(() => greeted(scene.port)));
  await expect.poll(() => sockets.filter((socket) => socket.destroyed).length, PATIENT).toBe(2);
  await expect.poll(() => scene.daemon.view()?.connections, PATIENT).toBe(3);
});

test('when it is killed, its connections end with it and it is started again', async () => {
  const scene = await startScene();
  scene.trees.set('debian', { live: tree(scene, 'a', { a: 'a' }), previous: null });
  const socket = await greeted(scene.port);
  process.kill(await daemonOf(scene), 'SIGKILL');
  await once(socket, 'close');
  await expect.poll(() => scene.daemon.view()?.trouble, PATIENT).toBeNull();
  await expect.poll(() => scene.daemon.view()?.restarts, PATIENT).toBe(1);
  expect(scene.errors).toEqual(['The rsync daemon ended (SIGKILL); it is started again within 1 s.']);
  await expect.poll(async () => (await rsync(scene.url)).out, PATIENT).toContain('debian');
});

test('an address that is taken is refused, and the one before is listened on', async () => {
  const scene = await startScene();
  const { listen } = scene.settings;
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await expect(scene.daemon.listen({ ...listen.rsync!, address: { host: '127.0.0.1', port } })).rejects.toThrow(
    `127.0.0.1:${port} for the rsync daemon is taken by another program`,
  );
  expect(await rsync(scene.url)).toMatchObject({ code: 0 });
  await scene.daemon.listen(null);
  expect(scene.daemon.view()).toBeNull();
  expect((await rsync(scene.url)).code).toBe(10);
});

test('on the way out nobody is let in, and what is sent gets its time', async () => {
  const scene = await startScene();
  scene.trees.set('debian', { live: tree(scene, 'a', { a: 'a' }), previous: null });
  const socket = await greeted(scene.port);
  const closing = scene.daemon.close(60_000);
  expect((await rsync(`${scene.url}debian/`)).said).toContain('try again later');
  socket.destroy();
  await closing;
  expect((await rsync(scene.url)).code).toBe(10);
});

/** A client that has heard the daemon's first word and says nothing. */
async function greeted(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'data');
  return socket;
}

/** The daemon itself, which has connections. */
async function daemonOf({ layout }: Scene): Promise<number> {
  const pids = await processesWithEnvironment('MILLPOND_CHILD_OF', layout.data);
  const [daemon, ...others] = pids.filter((pid) => childrenOf(pid).length > 0);
  expect(others).toEqual([]);
  return daemon!;
}
