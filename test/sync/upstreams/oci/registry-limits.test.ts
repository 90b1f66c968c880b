import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../../core/oci/digest.js';
import { asking, clientOf, failureOf, startWebServer } from './registry-scene.js';

describe('429', () => {
  it('with a short Retry-After is waited for, at most twice', async () => {
    const server = await startWebServer((_, response) => void response.writeHead(429, { 'retry-after': '3' }).end());
    const { client, waits, budget, clock } = clientOf(server.url, { budget: { pulls: 10, window: 60 } });
    const failure = await failureOf(client.getManifest('a', '1', asking()));
    expect(failure).toMatchObject({ kind: 'rate-limited', status: 429, retryAfter: 3 });
    expect(failure.message).toBe('docker.io has had too many requests and asks to wait 3 s');
    expect([server.asked.length, waits]).toEqual([3, [3000, 3000]]);
    expect(budget.state(clock.now).remaining).toBe(9);
  });

  it('that passes is not seen', async () => {
    const server = await startWebServer((_, response) => {
      if (server.asked.length === 1) response.writeHead(429, { 'retry-after': '1' }).end();
      else response.writeHead(200).end('{}');
    });
    await clientOf(server.url).client.getManifest('a', '1', asking());
    expect(server.asked).toHaveLength(2);
  });

  it('with a long one keeps everybody away until then', async () => {
    const server = await startWebServer((_, response) => {
      if (server.asked.length === 1) response.writeHead(429, { 'retry-after': '11' }).end();
      else response.writeHead(200).end('{}');
    });
    const { client, clock, waits } = clientOf(server.url);
    const attempts = [
      () => client.getManifest('a', '1', asking()),
      () => client.headManifest('a', '1', asking('on-demand')),
      () => client.openBlob('a', digestOf(''), asking('on-demand')),
      () => client.ping(asking()),
    ];
    for (const attempt of attempts)
      expect(await failureOf(attempt())).toMatchObject({ kind: 'rate-limited', retryAfter: 11 });
    expect(server.asked).toHaveLength(1);
    clock.now += 5_000;
    await client.ping(asking());
    expect([waits, server.asked.length]).toEqual([[6000], 2]);
  });

  it('is not waited for when the signal ends it', async () => {
    const stop = new AbortController();
    const server = await startWebServer((_, response) => {
      response.writeHead(429, { 'retry-after': '1' }).end();
      stop.abort(new Error('cancelled'));
    });
    const work = clientOf(server.url).client.ping({ signal: stop.signal, urgency: 'sync' });
    await expect(work).rejects.toThrow('cancelled');
    expect(server.asked).toHaveLength(1);
  });

  it('of another server, to which it redirects, is not a word of the registry', async () => {
    const storage = await startWebServer((_, response) => void response.writeHead(429, { 'retry-after': '60' }).end());
    const server = await startWebServer(({ url }, response) => {
      if (url.includes('/blobs/')) response.writeHead(307, { location: storage.url }).end();
      else response.writeHead(200).end('{}');
    });
    const { client, budget, clock } = clientOf(server.url);
    const failure = await failureOf(client.openBlob('a', digestOf(''), asking()));
    expect(failure).toMatchObject({ kind: 'rate-limited', retryAfter: 60 });
    expect(budget.state(clock.now).blockedUntil).toBeNull();
    await client.ping(asking());
  });
});

describe('503', () => {
  it('with Retry-After is one answer, and then silence', async () => {
    const server = await startWebServer((_, response) => void response.writeHead(503, { 'retry-after': '60' }).end());
    const { client } = clientOf(server.url);
    for (let i = 0; i < 3; i++)
      expect(await failureOf(client.ping(asking()))).toMatchObject({ kind: 'unavailable', retryAfter: 60 });
    expect(server.asked).toHaveLength(1);
  });
});

describe('headers of the rate limit', () => {
  it('of HEAD and GET are read', async () => {
    let left = 2;
    const server = await startWebServer(({ method }, response) => {
      if (method === 'GET') left--;
      const limit = { 'ratelimit-limit': '10;w=21600', 'ratelimit-remaining': `${left};w=21600` };
      response.writeHead(200, limit).end(method === 'GET' ? '{}' : undefined);
    });
    const { client, budget, clock } = clientOf(server.url);
    await client.headManifest('a', '1', asking());
    expect(budget.state(clock.now)).toMatchObject({ remaining: 2, limit: 10, setBy: 'registry' });
    expect(await failureOf(client.getManifest('a', '1', asking('sync')))).toMatchObject({ kind: 'rate-limited' });
    await client.getManifest('a', '1', asking('on-demand'));
    await client.getManifest('a', '1', asking('on-demand'));
    const failure = await failureOf(client.getManifest('a', '1', asking('on-demand')));
    expect(failure).toMatchObject({ kind: 'rate-limited', retryAfter: 21600, status: null });
    expect(server.count('GET')).toBe(2);
  });
});
