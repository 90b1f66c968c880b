import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closestMirror } from '../../../server/pages/problem-page.js';
import { configureImages, HUB, makeImage } from '../image-scene.js';
import { addRun, IDLE, makeMirror, NOW, openScene, publish, type Scene } from '../scene.js';

describe('the page that says why not', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [makeMirror('debian', { title: 'Debian' }), makeMirror('coming')] });
    await publish(scene, 'debian', { 'pool/main/a.deb': 'x' });
  });
  afterEach(() => scene.close());

  async function get(path: string): Promise<{ status: number; text: string; headers: Record<string, string> }> {
    return request(scene.http).get(path).set('Accept', 'text/html');
  }

  it('offers the nearest folder of a mirror that exists', async () => {
    const { status, text } = await get('/debian/pool/main/z/zlib.deb');
    expect(status).toBe(404);
    expect(text).toContain('The mirror &#34;debian&#34; exists, but it has nothing at /debian/pool/main/z/zlib.deb.');
    expect(text).toContain('<a href="/debian/pool/main/">/debian/pool/main/</a>');
    expect(text).toContain('href="/status/debian"');
    expect(text).toContain('role="search"');
  });

  it('offers the mirror that a typing error may have meant', async () => {
    const { status, text } = await get('/debain/pool/');
    expect(status).toBe(404);
    expect(text).toContain('Did you mean the mirror &#34;debian&#34;?');
    expect(text).toContain('<a href="/debian/">');
  });

  it('offers the list where nothing is near, and escapes the path', async () => {
    const { text } = await get('/%3Cscript%3Ealert(1)%3C/script%3E');
    expect(text).toContain('All mirrors');
    expect(text).not.toContain('<script>alert');
  });

  const [mirrors, images] = [
    '<form class="search" role="search" action="/" ',
    '<form class="search" role="search" action="/images" ',
  ];

  it.each([
    ['/debain/', mirrors, 'Search mirrors'],
    ['/images/docker.io/library/debain', images, 'Search images'],
    [
      '/docker.io/library/nothing',
      images,
      'There is no repository of images &#34;docker.io/library/nothing&#34; here.',
    ],
    ['/docker.io/library/debian/', images, '<a href="/images/docker.io/library/debian">'],
  ])('searches at %s what was asked for', async (path, form, text) => {
    configureImages(scene, [HUB], [makeImage(HUB, 'library/debian')]);
    const answer = await get(path);
    expect(answer.status).toBe(404);
    expect(answer.text).toContain(form);
    expect(answer.text).toContain(text);
  });

  it('searches images where something else is done to them than reading', async () => {
    const answer = await request(scene.http).post('/images').set('Accept', 'text/html');
    expect([answer.status, answer.text.includes(images)]).toEqual([405, true]);
  });

  it('tells how far the first fetch of a mirror is', async () => {
    const running = { ...addRun(scene, 'coming'), phase: 'pull' as const, outcome: null, endedAt: null };
    const numbers = {
      stageIndex: 1,
      stageCount: 1,
      pass: 1,
      files: 1,
      bytes: 1,
      rate: 1,
      toCheck: 1,
      known: 1,
      eta: null,
    };
    const progress = { stage: 'all', percent: 17.9, ...numbers };
    scene.engine.activities.set('coming', { ...IDLE, running, progress, lastByteAt: NOW });
    const { status, text, headers } = await get('/coming/');
    expect(status).toBe(503);
    expect(headers['retry-after']).toBe('60');
    expect(text).toContain('First fetch: transferring files, 17 %; not complete yet.');
    expect(text).toContain('<progress max="100" value="17"');
  });

  it('tells a program the same in a problem', async () => {
    const answer = await request(scene.http).get('/coming/x').set('Accept', 'application/json');
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text)).toMatchObject({ status: 503, code: 'unavailable' });
  });
});

describe('closestMirror', () => {
  const names = ['debian', 'debian-security', 'fedora', 'gnu'];
  it.each([
    ['debain', 'debian'],
    ['fedoraa', 'fedora'],
    ['fed', 'fedora'],
    ['ubuntu', undefined],
    ['', undefined],
    ['x'.repeat(100), undefined],
  ])('takes %j for %j', (name, closest) => {
    expect(closestMirror(names, name)).toBe(closest);
  });
});
