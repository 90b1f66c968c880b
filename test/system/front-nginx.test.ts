import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runMillpond } from '../fixtures/command-line.js';
import { freePort } from '../fixtures/free-port.js';
import { startNginx } from '../fixtures/nginx.js';
import { createPond, PATIENT, type Pond } from '../fixtures/pond.js';
import type { Program } from '../fixtures/program.js';
import { writeTree } from '../fixtures/tree.js';

const BIG_BYTES = 300_000;
const TIME = new Date('2026-11-01T12:00:00Z');
const FILES: Record<string, string | Buffer> = {
  'pool/big.iso': randomBytes(BIG_BYTES),
  'pool/a/x_1%2~b+c.deb': 'deb',
  'dists/InRelease': 'release',
  'dists/Release.gpg': 'signature',
  'dists/x/by-hash/SHA256/0123456789abcdef0123456789abcdef': 'hash',
  'project/trace/host.example': 'trace',
  'doc/a.html': '<p>',
  'doc/a.PDF': 'pdf',
  'doc/ä b.txt': 'text',
  'doc/noext': 'binary',
  'doc/SHA256SUMS': 'sums',
  'doc/x.tar.gz': 'packed',
  '.treeinfo': 'tree',
  'empty.txt': '',
};

interface Scene {
  readonly pond: Pond;
  readonly program: Program;
  /** Of nginx. */
  readonly url: string;
}

/** Millpond with a published tree, and before it an nginx with the configuration that it prints. */
async function behindNginx(more: object = {}, mirror: object = {}): Promise<Scene> {
  const pond = await createPond({ mirror });
  publishTimes(pond, FILES);
  const inner = await freePort();
  const port = await freePort();
  const program = await pond.start({
    listen: { http: `127.0.0.1:${inner}` },
    proxies: { trusted: ['127.0.0.0/8'] },
    ...more,
  });
  expect(await program.sync('pond')).toMatchObject({ outcome: 'updated' });
  const site = await runMillpond(program.config, 'front', 'nginx', '--listen', `127.0.0.1:${port}`);
  expect(site).toMatchObject({ code: 0, stderr: '' });
  return { pond, program, url: await startNginx(site.stdout, port) };
}

/** Files with times of whole seconds. */
function publishTimes({ up }: Pond, files: Record<string, string | Buffer>): void {
  writeTree(up, files);
  for (const path of Object.keys(files)) utimesSync(join(up, path), TIME, TIME);
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

async function ask(url: string, target: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const asked = request(url, { path: target, headers: { accept: '*/*', ...headers }, method, agent: false }).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) };
}

const COMPARED = [
  ...['content-type', 'content-length', 'content-range', 'accept-ranges', 'etag', 'last-modified', 'cache-control'],
  ...['content-security-policy', 'x-content-type-options', 'content-encoding', 'location', 'allow', 'vary'],
];

/** The answers of nginx and of Millpond to the same request are equal,. */
async function expectEqual({ url, program }: Scene, target: string, headers = {}, method = 'GET'): Promise<Answer> {
  const [through, direct] = [await ask(url, target, headers, method), await ask(program.url, target, headers, method)];
  const shown = ({ status, headers: fields, body }: Answer) => ({
    ...{ target, method, status, body: createHash('sha256').update(body).digest('hex') },
    ...Object.fromEntries(COMPARED.map((name) => [name, fields[name]])),
    // nginx leaves it out of a 206, which says the same
    ...(status === 206 ? { 'accept-ranges': 'bytes' } : {}),
  });
  expect(shown(through)).toEqual(shown(direct));
  return through;
}

test('files come from the disk with the header fields that Millpond gives', async () => {
  const scene = await behindNginx();
  const { etag } = (await expectEqual(scene, '/pond/pool/big.iso')).headers;
  for (const path of Object.keys(FILES)) {
    const target = `/pond/${path.split('/').map(encodeURIComponent).join('/')}`;
    const answer = await expectEqual(scene, target);
    expect(answer.body.equals(Buffer.from(FILES[path] ?? ''))).toBe(true);
    await expectEqual(scene, target, {}, 'HEAD');
  }
  const conditions = [
    { 'if-none-match': String(etag) },
    { 'if-none-match': '"other"' },
    { 'if-modified-since': TIME.toUTCString() },
    { 'if-modified-since': new Date(TIME.getTime() + 60_000).toUTCString() },
    { 'if-match': '"other"' },
    { range: 'bytes=100000-' },
    { range: 'bytes=-5', 'if-range': String(etag) },
    { range: 'bytes=0-4', 'if-range': '"other"' },
    { 'accept-encoding': 'gzip' },
  ];
  for (const headers of conditions) await expectEqual(scene, '/pond/pool/big.iso', headers);
  const beyond = await ask(scene.url, '/pond/pool/big.iso', { range: `bytes=${BIG_BYTES}-` });
  expect([beyond.status, beyond.headers['content-range']]).toEqual([416, `bytes */${BIG_BYTES}`]);
});

test('all else is passed on: pages, listings, forms of files, odd targets, what is not whole or not there', async () => {
  const scene = await behindNginx();
  for (const target of [
    ...['/', '/status', '/pond/', '/pond', '/pond/pool', '/pond/pool/', '/pond/pool/big.iso?info', '/v2/'],
    ...['/pond/doc/SHA256SUMS.sha256', '/pond/nothing', '/pond//.treeinfo', '/pond/doc/../.treeinfo', '/pond/%2e%2e/x'],
    ...['/pond/doc%2fnoext', '/pond/.~tmp~/x', '/ponds/x'],
  ])
    await expectEqual(scene, target, { accept: 'text/plain', host: 'mirror.example' });
  await expectEqual(scene, '/pond/.treeinfo', {}, 'POST');
});

test('a file of the generation before comes from Millpond, and during publishes every answer is whole', async () => {
  const scene = await behindNginx();
  const { pond, program, url } = scene;
  publishTimes(pond, { 'doc/new.txt': 'new' });
  let going = true;
  const statuses = new Set<number>();
  const load = (async () => {
    while (going) {
      const { status, body } = await ask(url, '/pond/pool/big.iso');
      statuses.add(status);
      if (status === 200) expect(body.equals(FILES['pool/big.iso'] as Buffer)).toBe(true);
      await delay(1);
    }
  })();
  for (const text of ['1', '2', '3']) {
    publishTimes(pond, { [`doc/${text}.txt`]: text });
    expect(await program.sync('pond')).toMatchObject({ outcome: 'updated' });
    expect((await ask(url, `/pond/doc/${text}.txt`)).body.toString()).toBe(text);
  }
  going = false;
  await load;
  expect([...statuses]).toEqual([200]);
});

test('what nginx has served is counted once, like what Millpond serves', async () => {
  const { pond, program, url } = await behindNginx({ statistics: { front_log: 'nginx.log' } });
  const bytes = async (): Promise<string | undefined> => {
    const metrics = (await ask(program.url, '/metrics')).body.toString();
    return /^mirror_served_bytes_total\{repo="pond",class="2xx"\} (\d+)$/m.exec(metrics)?.[1];
  };
  await ask(url, '/pond/pool/big.iso');
  await expect.poll(bytes, PATIENT).toBe(String(BIG_BYTES));
  await ask(url, '/pond/pool/big.iso', { range: 'bytes=0-999' });
  await ask(url, '/pond/pool/big.iso', { range: 'bytes=0-999', 'if-match': '*' }); // by Millpond
  await expect.poll(bytes, PATIENT).toBe(String(BIG_BYTES + 2000));
  expect(readFileSync(join(pond.home, 'nginx.log'), 'utf8').trim().split('\n')).toHaveLength(2);
});

test('zones, limits and closed mirrors of the settings are in it', async () => {
  const limits = { rate: '1GB/s', connections: 500, client: { connections: 50, requests: '1000/s', rate: '1GB/s' } };
  const scene = await behindNginx(
    { zones: { campus: { networks: ['192.0.2.0/24', '2001:db8::/32'] }, public: limits } },
    { read: ['campus'] },
  );
  await expectEqual(scene, '/pond/.treeinfo');
});

test('events come through nginx while they happen', async () => {
  const { pond, program, url } = await behindNginx();
  const asked = request(`${url}/api/v1/events?mirror=pond`, { agent: false }).end();
  onTestFinished(() => void asked.destroy());
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  let text = '';
  answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  answer.on('error', () => undefined); // it is cut at the end of the test
  expect(answer.headers['content-type']).toMatch(/^text\/event-stream/);
  await expect.poll(() => text, PATIENT).toContain('retry: 5000');
  writeTree(pond.up, { more: 'more' });
  await program.sync('pond');
  await expect.poll(() => text, PATIENT).toContain('event: run.ended');
  expect(answer.complete).toBe(false); // the answer goes on: nothing waited for its end
  expect(await program.end('SIGTERM')).toBe(0);
  await expect.poll(() => answer.complete, PATIENT).toBe(true);
});
