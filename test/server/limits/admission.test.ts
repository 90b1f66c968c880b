import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { NO_LIMITS, type ClientLimits, type TrustedProxies, type ZoneLimits } from '../../../core/zone.js';
import { addRun, makeMirror, NOW, openScene, publish, writeLog, type Scene } from '../scene.js';

const CAMPUS = '127.0.0.2';
const SIZE = 8 * 1024 * 1024;

let scene: Scene;
let now: number;
beforeEach(async () => {
  now = NOW;
  const mirrors = [makeMirror('debian'), makeMirror('private', { read: ['campus'] })];
  scene = await openScene({ mirrors, clock: () => now });
  await publish(scene, 'debian', { 'hello.deb': 'hello', 'large.iso': 'x'.repeat(SIZE) });
  await publish(scene, 'private', { 'paper.pdf': 'paper' });
});
afterEach(() => scene.close());

type Limits = Partial<Omit<ZoneLimits, 'client'>> & { client?: Partial<ClientLimits> };

/** As a reload would. Clients of 127.0.0.2 are in the zone campus. */
function apply(limits: Limits, more: { campus?: Limits; proxies?: Partial<TrustedProxies> } = {}): void {
  const whole = (given: Limits): ZoneLimits => ({
    ...NO_LIMITS,
    ...given,
    client: { ...NO_LIMITS.client, ...given.client },
  });
  const zones = [
    { name: 'campus', networks: [`${CAMPUS}/32`], limits: whole(more.campus ?? {}) },
    { name: 'public', networks: [], limits: whole(limits) },
  ];
  const proxies = { ...scene.settings.proxies, ...more.proxies };
  scene.settings = { ...scene.settings, proxies, zones: new Map(zones.map((zone) => [zone.name, zone])) };
}

interface Asked {
  readonly from?: string;
  readonly headers?: Record<string, string>;
  readonly agent?: Agent;
  readonly method?: string;
}

async function open(path: string, { from = '127.0.0.1', agent, ...options }: Asked = {}): Promise<IncomingMessage> {
  const { port } = new URL(scene.url);
  const asking = httpRequest({ host: '127.0.0.1', port, path, localAddress: from, agent: agent ?? false, ...options });
  const [response] = (await once(asking.end(), 'response')) as [IncomingMessage];
  return response;
}

async function ask(path: string, asked?: Asked) {
  const response = await open(path, asked);
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
  return { status: response.statusCode, headers: response.headers, text };
}

function agentFor(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  return agent;
}

describe('a mirror that some zones may read', () => {
  beforeEach(() => apply({}));

  it.each([
    '/private/paper.pdf',
    '/private/',
    '/private',
    '//private/paper.pdf',
    '/%70rivate/paper.pdf',
    'http://mirror.example.edu/private/paper.pdf',
    '/private/paper.pdf?sha256',
    '/private/paper.pdf.meta4',
    '/private/paper.pdf?info',
    '/private/../private/paper.pdf',
  ])('is closed to others at %s', async (path) => {
    expect((await ask(path, { from: CAMPUS })).status).not.toBe(403);
    const denied = await ask(path);
    expect(denied.status).toBe(403);
    expect(denied.text).toContain(
      'The mirror "private" can be read from the zone campus only, and you are in the zone "public".',
    );
    expect(denied.text).not.toContain('paper');
  });

  it('gives its files to those who may, on a connection that was refused before, too', async () => {
    const agent = agentFor();
    expect((await ask('/private/paper.pdf', { from: CAMPUS, agent })).text).toBe('paper');
    apply({}, { campus: { connections: 100 } });
    scene.settings = { ...scene.settings, mirrors: new Map([['private', makeMirror('private', { read: ['lab'] })]]) };
    expect((await ask('/private/paper.pdf', { from: CAMPUS, agent })).status).toBe(403);
    scene.settings = { ...scene.settings, mirrors: new Map([['private', makeMirror('private')]]) };
    expect((await ask('/private/paper.pdf', { from: CAMPUS, agent })).text).toBe('paper');
  });

  it('shows the logs of its runs, which name files, to those who may read it alone', async () => {
    const run = addRun(scene, 'private');
    await writeLog(scene, run, 'paper.pdf was received\n');
    const page = `/status/private/runs/${run.id}`;
    for (const path of ['/status/private', page, `${page}?log=full`]) {
      const html = { headers: { Accept: 'text/html' } };
      const [shown, hidden] = [await ask(path, { ...html, from: CAMPUS }), await ask(path, html)];
      expect(shown.text).toContain('paper.pdf was received');
      expect(shown.headers['cache-control']).toBe('no-store');
      expect(hidden.text).not.toContain('paper.pdf');
      expect(hidden.text).toContain('The log names files, which can be read from the zone campus only.');
    }
    expect((await ask(`${page}?log=full`)).status).toBe(403);
  });

  it('leaves the others alone', async () => {
    expect((await ask('/debian/hello.deb')).text).toBe('hello');
    expect((await ask('/privates/paper.pdf')).status).toBe(404);
  });
});

describe('requests of a client', () => {
  const limited = { client: { requests: 3 } };

  it('are refused over the limit of a second, and taken again in the next', async () => {
    apply(limited);
    const statuses: unknown[] = [];
    for (let count = 0; count < 4; count++) statuses.push((await ask('/debian/hello.deb')).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    now += 400;
    const denied = await ask('/debian/hello.deb', { headers: { Accept: 'application/json' } });
    expect(denied.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'retry-after': '1',
    });
    expect(JSON.parse(denied.text)).toMatchObject({
      ...{ type: 'about:blank', title: 'Too Many Requests', status: 429, code: 'refused' },
      ...{ rule: 'zones.public.client.requests', measured: 5, limit: 3, zone: 'public', address: '127.0.0.1' },
      ...{ until: new Date(NOW + 1000).toISOString(), contact: 'mirror@example.edu' },
      detail: 'You have asked 5 times within a second; a client in the zone "public" may ask 3 times.',
      id: expect.stringMatching(/^[0-9a-f]{12}$/) as string,
    });
    now += 600;
    expect((await ask('/debian/hello.deb')).status).toBe(200);
  });

  it('are counted on one connection as on several, for each client alone', async () => {
    apply(limited);
    const agent = agentFor();
    for (let count = 0; count < 3; count++) expect((await ask('/debian/hello.deb', { agent })).status).toBe(200);
    expect((await ask('/debian/hello.deb', { agent })).status).toBe(429);
    expect((await ask('/debian/hello.deb')).status).toBe(429);
    expect((await ask('/debian/hello.deb', { from: '127.0.0.3' })).status).toBe(200);
    expect((await ask('/debian/hello.deb', { from: CAMPUS })).status).toBe(200);
  });

  it('go by what a trusted proxy says, and by what nobody else says', async () => {
    apply(limited, { proxies: { trusted: [`${CAMPUS}/32`] } });
    const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } });
    const agent = agentFor();
    for (let count = 0; count < 6; count++) {
      const answer = await ask('/debian/hello.deb', { from: CAMPUS, agent, ...from(`198.51.100.${count % 2}`) });
      expect(answer.status).toBe(200);
    }
    const status = async (asked: Asked) => (await ask('/debian/hello.deb', asked)).status;
    expect(await status({ from: CAMPUS, agent, ...from('198.51.100.1') })).toBe(429);
    expect(await status({ from: CAMPUS, agent, ...from('198.51.100.2') })).toBe(200);
    for (let count = 0; count < 3; count++) await status(from(`198.51.100.${10 + count}`));
    expect(await status(from('198.51.100.20'))).toBe(429);
  });

  it('are refused as a page to browsers, with all that helps', async () => {
    apply({ client: { requests: 1 } });
    await ask('/debian/hello.deb');
    const page = await ask('/debian/hello.deb', { headers: { Accept: 'text/html' } });
    expect(page.status).toBe(429);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    for (const text of ['zones.public.client.requests', '<dd>2</dd>', '<dd>1</dd>', '2026-11-23 14:00:01 UTC'])
      expect(page.text).toContain(text);
    expect(page.text).toContain('href="/check"');
    expect(page.text).toContain('mirror@example.edu');
    const head = await ask('/debian/hello.deb', { method: 'HEAD' });
    expect([head.status, head.text]).toEqual([429, '']);
  });

  it('are refused by the registry in its own words', async () => {
    apply({ client: { requests: 1 } });
    await ask('/debian/hello.deb');
    const denied = await ask('/v2/lab/x/manifests/latest');
    expect([denied.status, denied.headers['retry-after']]).toEqual([429, '1']);
    const { errors } = JSON.parse(denied.text) as { errors: object[] };
    expect(errors).toMatchObject([
      {
        code: 'TOOMANYREQUESTS',
        message: expect.stringContaining('You have asked 2 times') as string,
        detail: { rule: 'zones.public.client.requests', measured: 2, limit: 1, zone: 'public' },
      },
    ]);
  });

  it('are counted when they are refused, and told in the log once a minute under one id', async () => {
    apply({ client: { requests: 1 } });
    const ids = new Set<unknown>();
    for (let count = 0; count < 4; count++) {
      const { status, text } = await ask('/debian/hello.deb', { headers: { Accept: 'application/json' } });
      if (status === 429) ids.add((JSON.parse(text) as { id: string }).id);
    }
    expect(ids.size).toBe(1);
    expect(scene.warned).toEqual([
      expect.objectContaining({ id: [...ids][0], rule: 'zones.public.client.requests', client: '127.0.0.1' }),
    ]);
    now += 5000;
    const metrics = await ask('/metrics');
    expect(metrics.text).toContain('mirror_refused_total{rule="requests",zone="public"} 3');
  });
});

describe('connections of a client', () => {
  /** Holds a connection open. */
  async function hold(from = '127.0.0.1'): Promise<{ status: number | undefined; release(): void }> {
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const { status } = await ask('/debian/hello.deb', { from, agent });
    return { status, release: () => agent.destroy() };
  }

  it('are refused over the limit, and taken again when one has ended', async () => {
    apply({ client: { connections: 2 } });
    const [first, second] = [await hold(), await hold()];
    expect([first.status, second.status]).toEqual([200, 200]);
    const denied = await ask('/debian/hello.deb', {
      headers: { Accept: 'application/json', Connection: 'keep-alive' },
    });
    expect(denied.status).toBe(429);
    expect(denied.headers.connection).toBe('close');
    expect(JSON.parse(denied.text)).toMatchObject({
      ...{ rule: 'zones.public.client.connections', measured: 3, limit: 2, until: null },
      detail: 'You have 2 connections here, as many as a client in the zone "public" may have.',
    });
    expect((await hold('127.0.0.3')).status).toBe(200);
    first.release();
    await expect.poll(async () => (await ask('/debian/hello.deb')).status).toBe(200);
  });

  it('are refused over the limit of the zone, whoever they are of', async () => {
    apply({ connections: 2 });
    await hold('127.0.0.3');
    const second = await hold('127.0.0.4');
    const denied = await ask('/debian/hello.deb', { from: '127.0.0.5' });
    expect(denied.status).toBe(429);
    expect(denied.text).toContain(
      'All 2 connections that the clients in the zone "public" may have together are in use.',
    );
    expect((await hold(CAMPUS)).status).toBe(200);
    second.release();
    await expect.poll(async () => (await ask('/debian/hello.deb', { from: '127.0.0.5' })).status).toBe(200);
  });

  it('are the requests under way of one behind a proxy', async () => {
    apply({ client: { connections: 1 }, rate: 100_000 }, { proxies: { trusted: ['127.0.0.0/8'] } });
    const headers = { 'X-Forwarded-For': '198.51.100.1' };
    const download = await open('/debian/large.iso', { headers });
    expect(download.statusCode).toBe(200);
    expect((await ask('/debian/hello.deb', { headers })).status).toBe(429);
    expect((await ask('/debian/hello.deb', { headers: { 'X-Forwarded-For': '198.51.100.2' } })).status).toBe(200);
    download.destroy();
    await expect.poll(async () => (await ask('/debian/hello.deb', { headers })).status).toBe(200);
  });

  it('that are open are kept when a reload brings a limit, and count from then on', async () => {
    const agents = [agentFor(), agentFor()];
    for (const agent of agents) await ask('/debian/hello.deb', { agent });
    apply({ client: { connections: 2 } });
    for (const agent of agents) expect((await ask('/debian/hello.deb', { agent })).status).toBe(200);
    expect((await ask('/debian/hello.deb')).status).toBe(429);
    apply({ client: { connections: 3 } });
    expect((await ask('/debian/hello.deb')).status).toBe(200);
  });
});

describe('rates', () => {
  /** Reads a body as fast as it comes. */
  function drink(response: IncomingMessage): { bytes: number; ended: boolean } {
    const drunk = { bytes: 0, ended: false };
    response.on('data', (chunk: Buffer) => (drunk.bytes += chunk.length));
    response.on('end', () => (drunk.ended = true));
    response.on('error', () => undefined);
    onTestFinished(() => void response.destroy());
    return drunk;
  }

  it('of a full public zone leave the campus alone', async () => {
    apply({ rate: 20_000 });
    const downloads: { bytes: number; ended: boolean }[] = [];
    for (let count = 0; count < 5; count++) downloads.push(drink(await open('/debian/large.iso')));
    const campus = await ask('/debian/large.iso', { from: CAMPUS });
    expect(campus.text).toHaveLength(SIZE);
    const atOnce = 5 * 64 * 1024; // nobody has got more than a small part: at this rate one takes seven minutes
    for (const { bytes, ended } of downloads) expect([bytes < SIZE - atOnce, ended]).toEqual([true, false]);
  });

  it('that a reload brings, changes or lifts hold for downloads that run', async () => {
    const { port } = new URL(scene.url);
    const socket = connect({ port: Number(port), host: '127.0.0.1' }).pause();
    onTestFinished(() => void socket.destroy());
    socket.write('GET /debian/large.iso HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(scene.http, 'request');
    const download = drink(await open('/debian/large.iso'));
    await expect.poll(() => download.bytes).toBeGreaterThan(0);
    apply({ rate: 10_000 });
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume();
    const small = await ask('/debian/hello.deb'); // small ones pass
    expect(small.text).toBe('hello');
    apply({ rate: null });
    await expect.poll(() => bytes, { timeout: 20_000 }).toBeGreaterThanOrEqual(SIZE);
    await expect.poll(() => download.ended, { timeout: 20_000 }).toBe(true);
  });

  it('hold for blobs and listings, and for HEAD there is nothing to hold', async () => {
    apply({ rate: 10_000, client: { rate: 5_000 } });
    expect((await ask('/debian/', { headers: { Accept: 'application/json' } })).status).toBe(200);
    expect((await ask('/debian/large.iso', { method: 'HEAD' })).headers['content-length']).toBe(String(SIZE));
  });
});

describe('a connection on which requests are answered before the parser', () => {
  it('is held to what changes meanwhile: a mirror that is closed, connections, requests, a rate', async () => {
    apply({});
    const agent = agentFor();
    const get = (path = '/debian/hello.deb') => ask(path, { agent });
    for (let count = 0; count < 3; count++) expect(await get()).toMatchObject({ status: 200, text: 'hello' });

    apply({ client: { requests: 2 } });
    expect([await get(), await get(), await get()].map(({ status }) => status)).toEqual([200, 200, 429]);

    apply({ connections: 1 });
    const other = agentFor();
    for (let count = 0; count < 3; count++) {
      expect((await get()).status).toBe(200);
      expect((await ask('/debian/hello.deb', { agent: other })).status).toBe(429);
    }

    apply({ rate: 1000 });
    for (let count = 0; count < 3; count++) expect((await get()).text).toBe('hello');

    apply({});
    expect((await get('/private/paper.pdf')).status).toBe(403);
    expect((await get('/private/paper.pdf')).status).toBe(403);
    expect((await get()).status).toBe(200);
  });
});
