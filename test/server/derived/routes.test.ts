import bencode from 'bencode';
import { createHash } from 'node:crypto';
import { mkdir, readFile, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { FileInfo } from '../../../server/derived/info-page.js';
import { ask } from '../files/site.js';
import { HOUR, makeMirror, NOW, openScene, publish, type Scene } from '../scene.js';

const hex = (text: string): string => createHash('sha256').update(text).digest('hex');

let scene: Scene;
beforeEach(async () => {
  scene = await sceneWith({ form: 10_000, page: 10_000 });
});

async function sceneWith(hashWait: { form: number; page: number }): Promise<Scene> {
  const mirrors = [
    makeMirror('debian', { title: 'Debian', sources: ['https://b.example/d/', 'https://b.example/e/'] }),
  ];
  const made = await openScene({ mirrors, hashWait });
  onTestFinished(() => made.close());
  await publish(made, 'debian', { 'x/a b&c.iso': 'content', empty: '', 'real.meta4': 'real', real: 'other' });
  for (const name of ['x/a b&c.iso', 'empty', 'real', 'real.meta4'])
    await utimes(join(made.layout.slot('debian', 'a'), name), (NOW - HOUR) / 1000, (NOW - HOUR) / 1000);
  return made;
}

/** As the scene has it. */
const SITE = 'https://mirror.example.edu';
const ISO = '/debian/x/a%20b%26c.iso';
const HOST = { Host: 'mirror.example.edu', Accept: '*/*' };

async function get(path: string, headers: Record<string, string> = {}): Promise<{ text: string; answer: Response }> {
  const answer = await fetch(scene.url + path, { headers, redirect: 'manual' });
  return { text: await answer.text(), answer };
}

describe('derivedRoutes', () => {
  test.each(['.sha256', '?sha256', '?sha256='])('gives the line of sha256sum for %s', async (end) => {
    const { text, answer } = await get(ISO + end);
    expect(text).toBe(`${hex('content')}  a b&c.iso\n`);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'public, max-age=60, must-revalidate',
      'x-content-type-options': 'nosniff',
    });
    // not by fetch: it forbids a 304 where it is asked to compare
    const port = Number(new URL(scene.url).port);
    const again = await ask({ port }, ISO + end, { headers: { 'If-None-Match': answer.headers.get('ETag') ?? '' } });
    expect(again.status).toBe(304);
  });

  test('escapes a name with a line break or a backslash as coreutils do', async () => {
    await writeFile(join(scene.layout.slot('debian', 'a'), 'a\n\\b'), 'content');
    expect((await get('/debian/a%0A%5Cb?sha256')).text).toBe(`\\${hex('content')}  a\\n\\\\b\n`);
  });

  test('makes a metalink of version 4, each host once, the addresses escaped', async () => {
    await writeFile(
      join(scene.layout.slot('debian', 'a'), 'x/a b&c.iso.asc'),
      '-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n',
    );
    const { text, answer } = await get(`${ISO}.meta4`);
    expect(answer.headers.get('Content-Type')).toBe('application/metalink4+xml');
    expect(answer.headers.get('Content-Disposition')).toBe('attachment; filename="a b&c.iso.meta4"');
    const own = `${SITE}/debian/x/a%20b%26c.iso`;
    expect(text).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <generator>Millpond/0.1.0</generator>
  <origin dynamic="true">${own}.meta4</origin>
  <published>2026-11-23T13:00:00Z</published>
  <file name="a b&amp;c.iso">
    <publisher name="Debian" url="${SITE}"></publisher>
    <size>7</size>
    <hash type="sha-256">${hex('content')}</hash>
    <pieces length="16384" type="sha-256">
      <hash>${hex('content')}</hash>
    </pieces>
    <signature mediatype="application/pgp-signature">-----BEGIN PGP SIGNATURE-----

abc
-----END PGP SIGNATURE-----
</signature>
    <url priority="1">${own}</url>
    <url priority="2">https://b.example/d/x/a%20b%26c.iso</url>
  </file>
</metalink>
`);
  });

  test('keeps addresses that a client has made up from others', async () => {
    const forged = { 'X-Forwarded-Host': 'evil.example' };
    expect((await get(`${ISO}.meta4`, forged)).text).not.toContain('evil.example');
    scene.settings = { ...scene.settings, site: { ...scene.settings.site, url: null } };
    const { text, answer } = await get(`${ISO}.meta4`, forged);
    expect(text).toContain('http://evil.example/debian/');
    expect(answer.headers.get('Cache-Control')).toBe('private, max-age=60');
  });

  test('makes a metalink of version 3', async () => {
    const { text, answer } = await get(`${ISO}?metalink`);
    expect(answer.headers.get('Content-Type')).toBe('application/metalink+xml; charset=utf-8');
    expect(text).toContain('<metalink version="3.0" xmlns="http://www.metalinker.org/" type="dynamic"');
    expect(text).toContain(`<hash type="sha256">${hex('content')}</hash>`);
    expect(text).toContain(`<hash piece="0">${createHash('sha1').update('content').digest('hex')}</hash>`);
  });

  test('makes a torrent and a magnet link that name the same', async () => {
    const torrent = Buffer.from(await (await fetch(`${scene.url}${ISO}.torrent`)).arrayBuffer());
    const decoded = bencode.decode(torrent) as Record<string, unknown>;
    const info = Buffer.from(bencode.encode(decoded['info']));
    expect(torrent.includes(info)).toBe(true);
    expect(Object.keys(decoded)).toEqual(['created by', 'creation date', 'info', 'piece layers', 'url-list']);
    const magnet = (await get(`${ISO}?magnet`)).text;
    const [v1, v2] = ['sha1', 'sha256'].map((algorithm) => createHash(algorithm).update(info).digest('hex'));
    expect(magnet).toMatch(
      `magnet:?xt=urn:btih:${v1}&xt=urn:btmh:1220${v2}&dn=a%20b%26c.iso&xl=7&ws=https%3A%2F%2Fmirror.example.edu%2F`,
    );
    expect(magnet).toContain('&ws=https%3A%2F%2Fb.example%2Fd%2Fx%2Fa%2520b%2526c.iso');
  });

  test('makes no torrent of an empty file, and all else', async () => {
    const { text, answer } = await get('/debian/empty.torrent', HOST);
    expect([answer.status, text]).toEqual([
      404,
      '"empty" is empty: there is no torrent of it.\nFetch the file itself.\n',
    ]);
    expect((await get('/debian/empty.sha256')).text).toBe(`${hex('')}  empty\n`);
    expect((await get('/debian/empty.meta4')).text).not.toContain('pieces');
  });

  test('leaves a real file of such a name as it is, and what does not exist to the page that says so', async () => {
    expect((await get('/debian/real.meta4')).text).toBe('real');
    expect((await get('/debian/real?meta4')).text).toContain('<metalink');
    expect((await get('/debian/real.meta4?sha256')).text).toBe(`${hex('real')}  real.meta4\n`);
    for (const path of [
      '/debian/absent.meta4',
      '/debian/absent?info',
      '/debian/x.sha256',
      '/debian/x?sha256',
      '/x/a?info',
    ])
      expect((await get(path)).answer.status).toBe(404);
    expect((await get('/debian//real?sha256')).answer.headers.get('Location')).toBe('/debian/real?sha256');
  });

  test('answers HEAD with the header fields of GET, and other methods with 405', async () => {
    const [head, whole] = await Promise.all(
      ['HEAD', 'GET'].map((method) => fetch(`${scene.url}${ISO}.meta4`, { method })),
    );
    expect(head?.headers.get('Content-Length')).toBe(whole?.headers.get('Content-Length'));
    expect(await head?.text()).toBe('');
    expect((await fetch(`${scene.url}${ISO}?sha256`, { method: 'POST' })).status).toBe(405);
  });

  test('tells of a file that only the previous tree has', async () => {
    const old = await publishNext();
    expect((await get('/debian/old?sha256')).text).toBe(`${hex('old')}  old\n`);
    const info = JSON.parse((await get('/debian/old?info', { Accept: 'application/json' })).text) as FileInfo;
    expect(info).toMatchObject({ previous: true, generation: old, hashes: { sha256: hex('old') } });
    expect((await get('/debian/old?info', { Accept: 'text/html' })).text).toContain('of the previous generation');
  });

  test('does not tell the hash of the file that was there before', async () => {
    expect((await get(`${ISO}?sha256`)).text).toContain(hex('content'));
    await publishNext();
    expect((await get(`${ISO}?sha256`)).text).toContain(hex('CONTENT'));
    const { answer } = await get(ISO);
    expect(answer.headers.get('Repr-Digest')).toBe(
      `sha-256=:${Buffer.from(hex('CONTENT'), 'hex').toString('base64')}:`,
    );
  });

  /** Another tree, whose ISO has other bytes of the same size and time, and no file "old". */
  async function publishNext(): Promise<number> {
    const published = scene.trees.get('debian');
    if (!published) throw new Error('not published');
    await writeFile(join(published.live.root, 'old'), 'old');
    const root = scene.layout.slot('debian', 'b');
    await mkdir(join(root, 'x'), { recursive: true });
    await writeFile(join(root, 'x/a b&c.iso'), 'CONTENT');
    await utimes(join(root, 'x/a b&c.iso'), (NOW - HOUR) / 1000, (NOW - HOUR) / 1000);
    const { id } = published.live.generation;
    const generation = { ...published.live.generation, id: id + 1, slot: 'b' as const };
    scene.trees.set('debian', { live: { generation, root }, previous: published.live });
    return id;
  }

  test('asks to come back where the hash takes long, and has it in the end', async () => {
    scene = await sceneWith({ form: 0, page: 0 });
    const file = join(scene.layout.slot('debian', 'a'), 'x/a b&c.iso');
    await truncate(file, 100_000_000);
    const { text, answer } = await get(`${ISO}.meta4`, HOST);
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
    expect(text).toMatch(
      /^The hashes of "a b&c\.iso" are being computed: .*\.\nAsk again in \d+ s; "curl --retry 20" does/,
    );
    const page = await get(`${ISO}?info`, { Accept: 'text/html' });
    expect([page.answer.status, /being computed: \d+ % read/.test(page.text)]).toEqual([200, true]);
    await expect.poll(async () => (await get(`${ISO}?sha256`)).answer.status).toBe(200);
    const right = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
    expect((await get(`${ISO}?sha256`)).text).toBe(`${right}  a b&c.iso\n`);
  });

  test('shows the page of a file, with what may be copied, and its twins', async () => {
    const { text, answer } = await get(`${ISO}?info`, { Accept: 'text/html' });
    expect(answer.headers.get('Content-Type')).toBe('text/html; charset=utf-8');
    expect(text).toContain('<h1>a b&amp;c.iso</h1>');
    expect(text).toContain(hex('content'));
    expect(text).toContain(`curl -fsS &#39;${SITE}${ISO}?sha256&#39; | sha256sum -c`);
    expect(text).toContain(`href="${ISO}?torrent"`);
    expect(text).toContain('<a href="/debian/x/">');
    const plain = await get(`${ISO}?info`, { Accept: 'text/plain' });
    expect(plain.text).toContain(`sha256    ${hex('content')}\n`);
  });
});

describe('digestHeaders', () => {
  test('are sent with a file once its hash is known, in whole and in part', async () => {
    const before = await get(ISO);
    expect([before.answer.headers.get('Digest'), before.answer.headers.get('Link')]).toEqual([null, null]);
    await get(`${ISO}?sha256`);
    const base64 = Buffer.from(hex('content'), 'hex').toString('base64');
    for (const headers of [{}, { Range: 'bytes=1-2' }]) {
      const { answer } = await get(ISO, headers);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        digest: `SHA-256=${base64}`,
        'repr-digest': `sha-256=:${base64}:`,
        link:
          '<https://b.example/d/x/a%20b%26c.iso>; rel=duplicate; pri=1, ' +
          '<https://b.example/e/x/a%20b%26c.iso>; rel=duplicate; pri=2, ' +
          `<${ISO}.meta4>; rel=describedby; type="application/metalink4+xml", ` +
          `<${ISO}.torrent>; rel=describedby; type="application/x-bittorrent"`,
      });
    }
  });
});
