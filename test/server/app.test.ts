import { once } from 'node:events';
import { connect } from 'node:net';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addRun, HOUR, makeMirror, NOW, openScene, publish, type Scene } from './scene.js';

const HTML = 'text/html,application/xhtml+xml,*/*;q=0.8';

describe('createServer', () => {
  let scene: Scene;
  let now: number;
  beforeEach(async () => {
    now = NOW;
    const mirrors = [makeMirror('debian', { title: 'Debian' }), makeMirror('coming')];
    scene = await openScene({ mirrors, clock: () => now });
    await publish(scene, 'debian', { 'pool/main/hello.deb': 'hello' });
  });
  afterEach(() => scene.close());

  it('has ended when no request to the registry is being worked on', async () => {
    await scene.server.ended();
    const asking = connect(Number(new URL(scene.url).port), '127.0.0.1');
    asking.write('POST /v2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ngrant_type=');
    const began = once(scene.http, 'request');
    await began;
    let hasEnded = false;
    const ending = scene.server.ended().then(() => void (hasEnded = true));
    await request(scene.http).get('/');
    expect(hasEnded).toBe(false);
    asking.destroy();
    await ending;
  });

  it('serves published files before pages', async () => {
    const answer = await request(scene.http).get('/debian/pool/main/hello.deb').buffer(true);
    expect(answer.status).toBe(200);
    expect(String(answer.headers['etag'])).not.toMatch(/^W/);
  });

  it.each(['/', '/status', '/status/debian', '/debian/', '/absent'])('sends %s with a strict policy', async (path) => {
    const { headers } = await request(scene.http).get(path).set('Accept', HTML);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    expect(headers['content-security-policy']).not.toMatch(/unsafe|\*/);
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'same-origin' });
    expect(headers['x-powered-by']).toBeUndefined();
  });

  it.each(['/', '/status', '/status/debian', '/debian/'])('holds %s free of inline script and style', async (path) => {
    const { text } = await request(scene.http).get(path).set('Accept', HTML);
    expect(text).not.toMatch(/<style|\sstyle=|\son[a-z]+=|javascript:/i);
    expect(text.match(/<script[^>]*>(?!<\/script>)/g)).toBeNull();
    expect(text.match(/(?:src|href)="https?:\/\/[^"]*"/g)).toBeNull();
  });

  it.each(['/', '/status', '/status/debian'])('answers %s again with 304 while it is the same', async (path) => {
    const first = await request(scene.http).get(path).set('Accept', HTML);
    expect(first.headers).toMatchObject({
      'cache-control': 'max-age=15, stale-while-revalidate=60',
      vary: expect.stringContaining('Accept') as string,
    });
    const etag = String(first.headers['etag']);
    const again = await request(scene.http).get(path).set('Accept', HTML).set('If-None-Match', etag);
    expect(again.status).toBe(304);
    scene.store.mirrors.pause('debian', NOW - HOUR, 'moved');
    const changed = await request(scene.http).get(path).set('Accept', HTML).set('If-None-Match', etag);
    expect(changed.status).toBe(200);
  });

  it.each([
    ['/', 15_000],
    // given out once more while the next one is made
    ['/status', 30_000],
    ['/status/debian', 15_000],
  ])('keeps %s the same for the quarter of a minute that it shows', async (path, others) => {
    const get = (etag = ''): request.Test => request(scene.http).get(path).set({ Accept: HTML, 'If-None-Match': etag });
    const etag = String((await get()).headers['etag']);
    now = NOW + 14_000;
    expect((await get(etag)).status).toBe(304);
    now = NOW + others;
    expect((await get(etag)).status).toBe(200);
  });

  it.each([
    ['/status.json', '/api/v1/mirrors'],
    ['/status/debian.json', '/api/v1/mirrors/debian'],
    ['/status/debian/runs/1.json', '/api/v1/runs/1'],
  ])('answers %s with the same as %s, whatever is accepted', async (page, twin) => {
    addRun(scene, 'debian');
    const asked = await request(scene.http).get(page).set('Accept', HTML);
    expect(asked.headers['content-type']).toMatch(/^application\/json/);
    expect(asked.headers).toMatchObject({ 'cache-control': 'max-age=15, stale-while-revalidate=60' });
    expect(asked.headers['vary'] ?? '').not.toContain('Accept');
    expect(asked.body).toEqual((await request(scene.http).get(twin)).body);
  });

  it.each([
    ['/status.txt', '/status'],
    ['/status/debian.txt', '/status/debian'],
  ])('answers %s with text, and so %s where text is asked for', async (twin, page) => {
    addRun(scene, 'debian');
    const asked = await request(scene.http).get(twin).set('Accept', HTML);
    expect(asked.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect((await request(scene.http).get(page).set('Accept', 'text/plain')).text).toBe(asked.text);
  });

  it.each(['/status/absent.json', '/status/debian.xml', '/status/debian/runs/1.txt', '/status/.json'])(
    'has no twin %s',
    async (path) => {
      addRun(scene, 'debian');
      expect((await request(scene.http).get(path)).status).toBe(404);
    },
  );

  it('takes the name of a mirror for itself before it takes it for a twin', async () => {
    scene.settings = { ...scene.settings, mirrors: new Map([['x.json', makeMirror('x.json')]]) };
    const answer = await request(scene.http).get('/status/x.json').set('Accept', HTML);
    expect(answer.headers['content-type']).toMatch(/^text\/html/);
    expect((await request(scene.http).get('/status/x.json.json')).body).toMatchObject({ name: 'x.json' });
  });

  it.each([
    ['/', '/api/v1/mirrors'],
    ['/status', '/api/v1/mirrors'],
    ['/status/debian', '/api/v1/mirrors/debian'],
    ['/status/debian/runs/1', '/api/v1/runs/1'],
  ])('answers %s to a program with the same as %s', async (page, twin) => {
    addRun(scene, 'debian');
    const asked = await request(scene.http).get(page).set('Accept', 'application/json');
    expect(asked.headers['content-type']).toMatch(/^application\/json/);
    expect(asked.headers['vary']).toContain('Accept');
    expect(asked.body).toEqual((await request(scene.http).get(twin)).body);
  });

  it.each(['/', '/status/debian', '/api/v1/mirrors', '/absent'])('refuses to change %s', async (path) => {
    for (const method of ['post', 'put', 'delete', 'patch'] as const) {
      const answer = await request(scene.http)[method](path);
      expect(answer.status).toBe(405);
      expect(answer.headers['allow']).toBe('GET, HEAD');
    }
  });

  it('answers HEAD as GET, without a body', async () => {
    const [head, get] = [await request(scene.http).head('/status'), await request(scene.http).get('/status')];
    expect(head.status).toBe(200);
    expect(head.headers['etag']).toBe(get.headers['etag']);
    expect(head.text).toBeUndefined();
  });

  it('tells an error as a page, as a problem or as text, by what is accepted', async () => {
    const page = await request(scene.http).get('/absent').set('Accept', HTML);
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    const data = await request(scene.http).get('/absent').set('Accept', 'application/json');
    expect(data.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(JSON.parse(data.text)).toMatchObject({ status: 404, title: 'Not Found', code: 'not-found' });
    const text = await request(scene.http).get('/absent');
    expect(text.headers['content-type']).toMatch(/^text\/plain/);
    expect(text.text).toContain('There is no page and no mirror at /absent.');
    const api = await request(scene.http).get('/api/v1/absent').set('Accept', HTML);
    expect(api.headers['content-type']).toMatch(/^application\/problem\+json/);
  });

  it('answers a path that cannot be read with 400', async () => {
    for (const path of ['/status/%zz', '/debian/%zz', '/debian/%2e%2e/x']) {
      const answer = await request(scene.http).get(path).set('Accept', HTML);
      expect([path, answer.status]).toEqual([path, 400]);
    }
  });

  it('hides what went wrong inside, and writes it to the log whole', async () => {
    scene.store.runs.ended = () => {
      throw new Error('disk I/O error in /srv/secret');
    };
    for (const accept of [HTML, 'application/json', '*/*']) {
      const answer = await request(scene.http).get('/status').set('Accept', accept);
      expect(answer.status).toBe(500);
      expect(answer.text).not.toMatch(/secret|node_modules|at .*\.ts/);
    }
    expect(scene.logged).toHaveLength(3);
  });

  it('keeps the first answer of the start page small', async () => {
    const { text } = await request(scene.http).get('/').set('Accept', HTML);
    const css = await request(scene.http).get(/href="(\/assets\/site\.css[^"]*)"/.exec(text)?.[1] ?? '');
    expect(text.length + css.text.length).toBeLessThan(50_000);
  });

  it('lets assets be kept for long under their hash, briefly without', async () => {
    const { text } = await request(scene.http).get('/').set('Accept', HTML);
    const addresses = [...text.matchAll(/"(\/assets\/[^"]+)"/g)].map((match) => match[1] ?? '');
    expect(addresses.length).toBeGreaterThanOrEqual(3);
    for (const address of addresses) {
      const asset = await request(scene.http).get(address);
      expect([address, asset.status]).toEqual([address, 200]);
      expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    }
    const bare = await request(scene.http).get('/assets/site.css');
    expect(bare.headers['cache-control']).toBe('public, max-age=300');
    expect((await request(scene.http).get('/assets/absent.css')).status).toBe(404);
    expect((await request(scene.http).get('/favicon.ico')).headers['location']).toMatch(/^\/assets\/logo\.svg\?v=/);
  });
});
