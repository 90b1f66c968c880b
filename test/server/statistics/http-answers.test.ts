import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TrafficIncrements } from '../../../core/traffic.js';
import { openScene, publish, type Scene } from '../scene.js';

const LARGE = 'x'.repeat(40 * 1024 * 1024);

describe('HttpAnswers', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene();
    await publish(scene, 'debian', { 'pool/hello.deb': 'hello', 'large.iso': LARGE });
  });
  afterEach(() => scene.close());

  function rowsOf({ hours }: TrafficIncrements): unknown[] {
    return hours.map(({ part, zone, family, protocol, status, requests, bytes }) => [
      `${part} ${zone} ${family} ${protocol} ${status}xx`,
      requests,
      bytes,
    ]);
  }

  it('counts files, ranges and what is not there with their mirror, the rest as pages and registry', async () => {
    await request(scene.http).get('/debian/pool/hello.deb');
    await request(scene.http).get('/debian/pool/hello.deb').set('Range', 'bytes=0-1');
    await request(scene.http).head('/debian/pool/hello.deb');
    const absent = await request(scene.http).get('/debian/absent');
    const page = await request(scene.http).get('/debian/gone').set('Accept', 'text/html');
    const home = await request(scene.http).get('/');
    const registry = await request(scene.http).get('/v2/');
    expect(new Set(rowsOf(scene.statistics.drain()))).toEqual(
      new Set([
        ['debian public v4 http 2xx', 3, 7],
        ['debian public v4 http 4xx', 2, absent.text.length + Buffer.byteLength(page.text)],
        ['/ public v4 http 2xx', 1, Buffer.byteLength(home.text)],
        ['/v2/ public v4 http 2xx', 1, registry.text.length],
      ]),
    );
  });

  it('takes for files of the day those that were downloaded', async () => {
    for (const path of ['pool/hello.deb', 'pool/hello.deb?x=1', 'pool/', 'absent.deb', 'pool'])
      await request(scene.http).get(`/debian/${path}`).set('User-Agent', 'Debian APT-HTTP/1.3 (2.6.1)');
    await request(scene.http).head('/debian/large.iso').set('User-Agent', 'curl/8.1 (198.51.100.7)');
    const { tops } = scene.statistics.drain();
    expect(tops.find(({ kind }) => kind === 'files')?.entries).toEqual([['/debian/pool/hello.deb', 2]]);
    expect(tops.find(({ kind }) => kind === 'agents')?.entries).toEqual([
      ['Debian APT-HTTP/1.3', 5],
      ['curl/8.1', 1],
    ]);
  });

  it('counts what fails', async () => {
    vi.spyOn(scene.trees, 'get').mockImplementation(() => {
      throw new Error('EIO');
    });
    await request(scene.http).get('/debian/other').expect(500);
    expect(rowsOf(scene.statistics.drain())).toEqual([['/ public v4 http 5xx', 1, 0]]);
  });

  it('counts nothing of what its client did not wait for', async () => {
    const socket = connect(Number(new URL(scene.url).port), '127.0.0.1').pause();
    const ask = (path: string): string => `GET /debian/${path} HTTP/1.1\r\nHost: pond\r\n\r\n`;
    const asked = new Promise<void>((resolve) => {
      scene.http.on('request', ({ url }: IncomingMessage) => url === '/debian/absent' && resolve());
    });
    socket.write(ask('large.iso') + ask('absent'));
    await asked;
    socket.destroy();
    const ofAbsent: unknown[] = [];
    await expect
      .poll(() => ofAbsent.push(...rowsOf(scene.statistics.drain()).filter((row) => String(row).includes('4xx'))))
      .toBe(1);
    expect(ofAbsent).toEqual([['debian public v4 http 4xx', 1, 0]]);
  });

  it('counts a download while it runs, once, and only what has left', async () => {
    const client = download(`${scene.url}/debian/large.iso`);
    await client.begun;
    let counted = 0;
    let requests = 0;
    const drain = (): void => {
      for (const row of scene.statistics.drain().hours) {
        counted += row.bytes;
        requests += row.requests;
      }
    };
    await expect.poll(() => (drain(), counted)).toBeGreaterThan(0);
    expect([requests, counted < LARGE.length]).toEqual([0, true]);
    client.stop();
    await expect.poll(() => (drain(), requests)).toBe(1);
    expect(counted).toBeLessThan(LARGE.length);

    await request(scene.http).get('/debian/large.iso');
    const before = counted;
    await expect.poll(() => (drain(), requests)).toBe(2);
    expect(counted - before).toBe(LARGE.length);
  });
});

/** A client that takes the first bytes and then no more. */
function download(url: string): { begun: Promise<void>; stop(): void } {
  let sent: ClientRequest;
  const begun = new Promise<void>((resolve, reject) => {
    sent = httpRequest(url, { agent: false }, (response) => {
      response.once('readable', () => resolve());
      response.on('error', () => undefined);
    });
    sent.on('error', reject);
    sent.end();
  });
  return { begun, stop: () => void sent.destroy() };
}
