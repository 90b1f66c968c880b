import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { HOUR, makeMirror, NOW, openScene, publish, type Scene } from '../scene.js';

const run = promisify(execFile);
const NAME = 'images/disk 1.iso';
const TARGET = '/debian/images/disk%201.iso';
const content = randomBytes(40 * 1024 * 1024 + 12_345);
/** Seconds. */
const CHANGED = (NOW - HOUR) / 1000;
const FLIPPED = 30 * 1024 * 1024;
/** Nothing but what the test is about: no peers, nothing of the user's. It ends by itself where there is no torrent. */
const ARIA2 = [
  ...['--no-conf', '--quiet', '--enable-dht=false', '--bt-enable-lpd=false', '--listen-port=20000-60000'],
  ...['--enable-peer-exchange=false', '--max-tries=3', '--retry-wait=1', '--min-split-size=1M', '--split=4'],
];

let scene: Scene;
let target: string;
/** Requests for ranges and whole files that the second source answered. */
let answeredBySecond: number;

beforeEach(async () => {
  const second = await startBadSource();
  scene = await openScene({ mirrors: [makeMirror('debian', { sources: [`${second}/tree/`] })], site: { url: null } });
  onTestFinished(() => scene.close());
  await publish(scene, 'debian', { 'images/other': 'other' });
  const file = join(scene.layout.slot('debian', 'a'), NAME);
  writeFileSync(file, content);
  utimesSync(file, CHANGED, CHANGED);
  target = join(scene.folder, 'fetched');
  mkdirSync(target);
});

/** A source, under a name of its own, with one flipped bit: where it is asked for first, so that it is met. */
async function startBadSource(): Promise<string> {
  const bad = Buffer.from(content);
  answeredBySecond = 0;
  const server = createServer((request, response) => {
    answeredBySecond++;
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const start = Number(first ?? 0);
    if (answeredBySecond === 1) bad[start] = (bad[start] ?? 0) ^ 1;
    const end = last ? Number(last) + 1 : bad.length;
    const range = { 'Content-Range': `bytes ${start}-${end - 1}/${bad.length}`, 'Content-Length': end - start };
    response.writeHead(first === undefined ? 200 : 206, first === undefined ? { 'Content-Length': bad.length } : range);
    response.end(request.method === 'HEAD' ? undefined : bad.subarray(start, end));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.2', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.2:${(server.address() as AddressInfo).port}`;
}

function fetched(): string {
  return createHash('sha256')
    .update(readFileSync(join(target, 'disk 1.iso')))
    .digest('hex');
}

const right = createHash('sha256').update(content).digest('hex');

test.each(['.sha256', '?sha256'])('sha256sum -c takes %s', async (end) => {
  await run('curl', ['-sSf', '-o', join(target, 'disk 1.iso'), scene.url + TARGET]);
  await run('curl', ['-sSf', '-o', join(target, 'sums'), scene.url + TARGET + end]);
  const checked = await run('sha256sum', ['--strict', '-c', 'sums'], { cwd: target });
  expect(checked.stdout).toBe('disk 1.iso: OK\n');
  writeFileSync(join(target, 'disk 1.iso'), 'another');
  await expect(run('sha256sum', ['--strict', '-c', 'sums'], { cwd: target })).rejects.toThrow('did NOT match');
});

test.each(['meta4', 'metalink'])('aria2c repairs pieces of a bad second source by %s, and ends', async (name) => {
  const document = join(scene.folder, name);
  await run('curl', ['-sSf', '-o', document, `${scene.url}${TARGET}?${name}`]);
  const log = join(scene.folder, 'aria2.log');
  await run('aria2c', [...ARIA2, `--log=${log}`, '--log-level=info', '-d', target, `--metalink-file=${document}`]);
  expect(readFileSync(log, 'utf8')).toMatch(/checksum validation failed/i);
  expect(fetched()).toBe(right);
});

test('aria2c fetches by the torrent, with this server as its only seed', async () => {
  scene.settings = { ...scene.settings, mirrors: new Map([['debian', makeMirror('debian')]]) };
  await run('aria2c', [...ARIA2, '--seed-time=0', '-d', target, `${scene.url}${TARGET}?torrent`]);
  expect(answeredBySecond).toBe(0);
  expect(fetched()).toBe(right);
});

test('aria2c refuses bytes that have gone bad on the disk, by the digest in the header fields', async () => {
  await run('curl', ['-sSf', `${scene.url}${TARGET}?sha256`]);
  const fetchIt = (): Promise<unknown> =>
    run('aria2c', [
      ...ARIA2,
      '--split=1',
      '--allow-overwrite=true',
      '-d',
      target,
      '-o',
      'disk 1.iso',
      scene.url + TARGET,
    ]);
  await fetchIt();
  expect(fetched()).toBe(right);
  const file = join(scene.layout.slot('debian', 'a'), NAME);
  const rotten = openSync(file, 'r+');
  writeSync(rotten, Buffer.from([(content[FLIPPED] ?? 0) ^ 1]), 0, 1, FLIPPED);
  closeSync(rotten);
  utimesSync(file, CHANGED, CHANGED);
  await expect(fetchIt()).rejects.toMatchObject({ code: 32 });
});

/** Adds a torrent or a magnet link, without any other peer, and says what it has in the end. */
const LIBTORRENT = `
import sys, time, libtorrent as lt
session = lt.session({"listen_interfaces": "127.0.0.1:0", "enable_dht": False, "enable_lsd": False,
  "enable_upnp": False, "enable_natpmp": False})
info = lt.torrent_info(sys.argv[1])
magnet = lt.parse_magnet_uri(sys.argv[3])
assert magnet.info_hashes.v1 == info.info_hashes().v1, "v1"
assert magnet.info_hashes.v2 == info.info_hashes().v2, "v2"
assert info.info_hashes().has_v1() and info.info_hashes().has_v2()
handle = session.add_torrent({"ti": info, "save_path": sys.argv[2]})
while not handle.status().is_seeding: time.sleep(0.1)
print(info.num_files(), info.priv())`;

test('libtorrent fetches by both versions of the torrent, and the magnet link names the same', async () => {
  scene.settings = { ...scene.settings, mirrors: new Map([['debian', makeMirror('debian')]]) };
  const torrent = join(scene.folder, 't.torrent');
  await run('curl', ['-sSf', '-o', torrent, `${scene.url}${TARGET}.torrent`]);
  const magnet = (await run('curl', ['-sSf', `${scene.url}${TARGET}.magnet`])).stdout.trim();
  const done = await run('/usr/bin/python3', ['-c', LIBTORRENT, torrent, target, magnet], { timeout: 50_000 });
  expect(done.stdout).toBe('1 False\n');
  expect(fetched()).toBe(right);
});
