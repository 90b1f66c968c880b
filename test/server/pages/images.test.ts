import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildImage } from '../../fixtures/image-builder.js';
import { configureImages, HUB, HUB_USE, makeImage, QUAY, statisticsOf, storeImage } from '../image-scene.js';
import { addRun, HOUR, makeMirror, MINUTE, NOW, openScene, type Scene } from '../scene.js';

const BLOCKED = { ...HUB_USE, name: 'quay.io', remaining: null, limit: null, blockedUntil: NOW + 23 * MINUTE };

const TROUBLED = { ...HUB_USE, troubleSince: NOW - HOUR };

describe('/images', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [makeMirror('debian')], imageStatistics: statisticsOf(HUB_USE, BLOCKED) });
  });
  afterEach(() => scene.close());

  async function page(path = '/images'): Promise<string> {
    const answer = await request(scene.http).get(path).set('Accept', 'text/html');
    expect(answer.status).toBe(200);
    return answer.text;
  }

  it('says since when a registry cannot be asked', async () => {
    configureImages(scene, [HUB]);
    expect(await page()).not.toContain('has not answered');
    await scene.close();
    scene = await openScene({ mirrors: [], imageStatistics: statisticsOf(TROUBLED) });
    configureImages(scene, [HUB]);
    await storeImage(scene, buildImage({ seed: 'r' }), { repository: 'docker.io/library/redis', origin: 'cached' });
    const since = /has not answered as it should since <time datetime="2026-11-23T13:00:00\.000Z">/;
    expect(await page()).toMatch(since);
    expect(await page('/images/docker.io/library/redis')).toMatch(since);
  });

  it('is in the navigation of every page only where there are images', async () => {
    expect(await page('/status')).not.toContain('href="/images"');
    await storeImage(scene, buildImage({ seed: 'a' }), { repository: 'lab/a', origin: 'hosted', tags: ['1'] });
    expect(await page('/status')).toContain('<a href="/images">Images</a>');
    expect(await page()).toContain('<a href="/images" aria-current="page">Images</a>');
  });

  it('shows what is mirrored with its verdict, and what is cached or pushed by what it is', async () => {
    const debian = makeImage(HUB, 'library/debian', { description: 'The official build' });
    configureImages(scene, [HUB], [debian, makeImage(HUB, 'library/coming')]);
    await storeImage(scene, buildImage({ seed: 'd' }), { repository: debian.name, origin: 'mirrored', tags: ['12'] });
    await storeImage(scene, buildImage({ seed: 'r' }), { repository: 'docker.io/library/redis', origin: 'cached' });
    await storeImage(scene, buildImage({ seed: 'l' }), { repository: 'lab/tool', origin: 'hosted' });
    addRun(scene, debian.name, { outcome: 'unchanged', queuedAt: NOW - HOUR, markerValue: 'M' });
    const text = await page();
    expect(text).toContain('4 repositories; of those kept in step, 1 of 2 current · 1 new');
    for (const shown of ['current', 'on demand', 'hosted', 'new', 'The official build']) expect(text).toContain(shown);
    expect(text).toContain('href="/images/docker.io/library/coming"');
    expect(text).toContain('data-events="/api/v1/events"');
  });

  it('finds by words in name, title and description, and gives back the search escaped', async () => {
    const debian = makeImage(HUB, 'library/debian', { description: 'Universal system' });
    configureImages(scene, [HUB], [debian]);
    for (const repository of [debian.name, 'docker.io/library/redis', 'quay.io/coreos/etcd'])
      await storeImage(scene, buildImage({ seed: repository }), { repository, origin: 'cached' });
    const found = async (query: string): Promise<string[]> =>
      [
        ...(await page(`/images?q=${encodeURIComponent(query)}`)).matchAll(
          /class="image-name" href="\/images\/([^"]+)"/g,
        ),
      ]
        .map(([, name = '']) => name)
        .sort();
    expect(await found('LIBRARY docker')).toEqual(['docker.io/library/debian', 'docker.io/library/redis']);
    expect(await found('universal')).toEqual(['docker.io/library/debian']);
    expect(await found('library universal')).toEqual(['docker.io/library/debian']);
    expect(await found('nothing-like-it')).toEqual([]);
    const hostile = await page(`/images?q=${encodeURIComponent('"><script>alert(1)</script>')}`);
    expect(hostile).not.toContain('<script>alert');
    expect(hostile).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });

  it('gives pages of fifty, stored and configured ones in one order, each once', async () => {
    const images = Array.from({ length: 60 }, (_each, index) => makeImage(HUB, `library/c${index}`));
    configureImages(scene, [HUB], images);
    for (let index = 0; index < 60; index++)
      scene.store.repositories.ensure(`docker.io/library/s${index}`, 'cached', 1);
    scene.store.repositories.ensure('docker.io/library/c7', 'mirrored', 1);
    const seen: string[] = [];
    let path: string | undefined = '/images';
    for (let pages = 0; path !== undefined && pages < 10; pages++) {
      const text = await page(path);
      const names = [...text.matchAll(/class="image-name" href="\/images\/([^"]+)"/g)].map(([, name = '']) => name);
      expect(names.length).toBeLessThanOrEqual(50);
      seen.push(...names);
      path = /<a href="([^"]+)" rel="next">/.exec(text)?.[1]?.replaceAll('&amp;', '&');
    }
    expect(seen).toHaveLength(120);
    expect(seen).toEqual([...new Set(seen)].sort());
  });

  it('shows what is left of each registry, what came from the cache, and until when one is left alone', async () => {
    configureImages(scene, [HUB, QUAY]);
    const text = await page();
    for (const shown of ['63 of 80 in each 6 h', '93 %', '930 of 1,000', '4.0 GB', '92.0 GB'])
      expect(text).toContain(shown);
    expect(text).toMatch(/all of it again at <time datetime="2026-11-23T16:00:00\.000Z">/);
    expect(text).toMatch(
      /left alone<\/strong> <span class="fresh">as it asked, until <time datetime="2026-11-23T14:23/,
    );
  });

  it('says no more of a registry than is known', async () => {
    await scene.close();
    scene = await openScene({ mirrors: [] });
    configureImages(scene, [HUB, QUAY]);
    const text = await page();
    expect(text).toContain('80 in each 6 h');
    expect(text).toContain('no limit is known');
    expect(text).not.toContain('NaN');
  });

  it('gives what clients are to be told, for each registry', async () => {
    configureImages(scene, [HUB, QUAY]);
    const text = await page();
    expect(text).toContain('https://docker.mirror.example.edu');
    expect(text).toContain('/etc/containerd/certs.d/quay.io/hosts.toml');
    expect(text).toContain('location = &#34;mirror.example.edu/quay.io&#34;');
  });

  it('answers programs with the same facts', async () => {
    configureImages(scene, [HUB], [makeImage(HUB, 'library/debian')]);
    const answer = await request(scene.http).get('/images').set('Accept', 'application/json');
    expect(answer.body).toMatchObject({
      total: 1,
      repositories: [{ name: 'docker.io/library/debian', origin: 'mirrored' }],
    });
    expect(answer.headers['vary']).toContain('Accept');
  });

  it('helps where a repository is not here', async () => {
    await storeImage(scene, buildImage({ seed: 'd' }), { repository: 'docker.io/library/debian', origin: 'cached' });
    const answer = await request(scene.http).get('/images/debian').set('Accept', 'text/html');
    expect(answer.status).toBe(404);
    expect(answer.text).toContain('There is no repository of images &#34;debian&#34; here.');
    expect(answer.text).toContain('href="/images/docker.io/library/debian"');
    const hostile = await request(scene.http).get('/images/%3Cimg%20src=x%3E').set('Accept', 'text/html');
    expect(hostile.status).toBe(404);
    expect(hostile.text).not.toContain('<img src=x');
    expect((await request(scene.http).get('/images/%E0%A4%A').set('Accept', 'text/html')).status).toBe(400);
  });
});
