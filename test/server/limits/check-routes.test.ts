import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_LIMITS, type ZoneLimits } from '../../../core/zone.js';
import type { ClientReport } from '../../../server/limits/client-report.js';
import { makeMirror, openScene, publish, type Scene } from '../scene.js';

let scene: Scene;
beforeEach(async () => {
  scene = await openScene({ mirrors: [makeMirror('debian'), makeMirror('private', { read: ['campus'] })] });
  await publish(scene, 'debian', { 'hello.deb': 'hello' });
});
afterEach(() => scene.close());

function apply(limits: ZoneLimits, trusted: string[] = []): void {
  const zones = [
    { name: 'public', networks: [], limits },
    { name: 'campus', networks: ['192.0.2.0/24', '2001:db8::/32'], limits: NO_LIMITS },
  ];
  const proxies = { trusted, header: 'x-forwarded-for' as const };
  scene.settings = { ...scene.settings, proxies, zones: new Map(zones.map((zone) => [zone.name, zone])) };
}

const LIMITS = { rate: 20_000_000, connections: 500, client: { rate: 5_000_000, connections: 10, requests: 50 } };

async function report(headers: Record<string, string> = {}): Promise<ClientReport> {
  return (await request(scene.http).get('/check.json').set(headers)).body as ClientReport;
}

describe('/check', () => {
  it('tells a client its address, its zone, its limits and the speed to expect', async () => {
    apply(LIMITS);
    expect(await report()).toEqual({
      ...{ address: '127.0.0.1', family: 'IPv4', client: '127.0.0.1', zone: 'public', throughProxy: false },
      ...{ limits: LIMITS, connections: { client: 1, zone: 1 }, downloading: 0, expected: 5_000_000 },
      verdict: 'You should get about 5.0 MB/s: that is what each client may take.',
      closedMirrors: ['private'],
    });
  });

  it('tells whose rate it is that is shared', async () => {
    apply({ ...NO_LIMITS, rate: 20_000_000 });
    expect((await report()).verdict).toBe(
      'You should get about 20.0 MB/s: that is the rate of the zone "public", and nobody else downloads now.',
    );
  });

  it('counts the clients that share a rate', async () => {
    apply({ ...NO_LIMITS, rate: 20_000_000 }, ['127.0.0.0/8']);
    for (const address of ['198.51.100.1', '198.51.100.2', '2001:db9::1', '2001:db9::2'])
      await request(scene.http).get('/debian/hello.deb').set('X-Forwarded-For', address);
    expect(await report({ 'X-Forwarded-For': '198.51.100.1' })).toMatchObject({
      ...{ address: '198.51.100.1', throughProxy: true, downloading: 3, expected: 6_666_666 },
      verdict: 'You should get about 6.7 MB/s: the rate of the zone "public" is shared by 3 clients now.',
    });
  });

  it('says that nothing limits a client', async () => {
    apply(LIMITS, ['127.0.0.1/32']);
    expect(await report({ 'X-Forwarded-For': '2001:db8::7' })).toMatchObject({
      ...{ address: '2001:db8::7', family: 'IPv6', client: '2001:db8::/64', zone: 'campus', throughProxy: true },
      ...{ expected: null, closedMirrors: [] },
      verdict: 'Nothing limits you here: you should get what the network between us carries.',
    });
  });

  it('is a page and text, too, and nobody keeps it', async () => {
    apply(LIMITS);
    const page = await request(scene.http).get('/check').set('Accept', 'text/html');
    expect(page.headers['cache-control']).toBe('no-store');
    expect(page.text).toContain('<dd>127.0.0.1</dd>');
    expect(page.text).toContain('<dd>50 a second</dd>');
    const text = await request(scene.http).get('/check.txt');
    expect(text.headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
    expect(text.text).toMatch(/^You should get about 5\.0 MB\/s: .*\nAddress: 127\.0\.0\.1\n/);
    expect(text.text).toContain('Connections for you: 10, ');
    const json = await request(scene.http).get('/check.json');
    expect(json.headers['access-control-allow-origin']).toBeUndefined();
  });
});
