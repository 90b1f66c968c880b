import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { buildImage, buildIndex } from '../../fixtures/image-builder.js';
import { configureImages, HUB, HUB_USE, makeImage, statisticsOf, storeImage } from '../image-scene.js';
import { addRun, NOW, openScene, type Scene } from '../scene.js';

const NAME = 'docker.io/library/debian';
const PATH = `/api/v1/images/${NAME}`;

interface Page {
  readonly next: string | null;
  readonly repositories: { name: string }[];
  readonly tags: { tag: string }[];
  readonly runs: { id: number }[];
}

describe('/api/v1/images', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [], imageStatistics: statisticsOf(HUB_USE) });
    configureImages(scene, [HUB], [makeImage(HUB, 'library/debian')]);
  });
  afterEach(() => scene.close());

  async function everyPage(path: string): Promise<Page[]> {
    const pages: Page[] = [];
    for (let next: string | null = path; next !== null && pages.length < 20; next = pages.at(-1)?.next ?? null)
      pages.push((await request(scene.http).get(next)).body as Page);
    return pages;
  }

  it('gives repositories and registries, in pages', async () => {
    for (const name of ['a', 'b', 'c', 'd']) scene.store.repositories.ensure(`lab/${name}`, 'hosted', 1);
    const pages = await everyPage('/api/v1/images?limit=2');
    expect(pages.flatMap(({ repositories }) => repositories.map(({ name }) => name))).toEqual([
      NAME,
      ...['a', 'b', 'c', 'd'].map((name) => `lab/${name}`),
    ]);
    expect(pages[0]).toMatchObject({
      site: { url: 'https://mirror.example.edu' },
      ...{ total: 5, matching: 5, summary: { total: 1, states: { new: 1 } } },
      registries: [{ name: 'docker.io', use: { remaining: 63, hitRatio: 0.93, bytesSaved: 92e9 } }],
    });
    const filtered = await everyPage('/api/v1/images?q=lab&limit=3');
    expect(filtered.map(({ repositories }) => repositories.length)).toEqual([3, 1]);
  });

  it('/<repository> gives a repository with status, size and registry', async () => {
    const image = buildImage({ seed: 'd', layers: [1000] });
    await storeImage(scene, image, { repository: NAME, origin: 'mirrored', tags: ['12'] });
    await storeImage(scene, image, { repository: 'lab/copy', origin: 'hosted' });
    const answer = await request(scene.http).get(PATH);
    const size = image.bytes.length + image.blobs.reduce((sum, { bytes }) => sum + bytes.length, 0);
    expect(answer.body).toMatchObject({
      ...{ name: NAME, origin: 'mirrored', tags: 1, size: { logical: size, own: 0 } },
      status: { verdict: { word: 'new' }, selection: expect.stringContaining('all tags') as string },
      registry: { name: 'docker.io', use: { remaining: 63 } },
    });
    expect(answer.text).not.toContain(HUB.url);
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    expect((await request(scene.http).get('/api/v1/images/lab/copy')).body).toMatchObject({
      status: null,
      registry: null,
    });
  });

  it('reads the tags of each repository once, and none to say that a name is unknown', async () => {
    const tagSummary = vi.spyOn(scene.store.imagePages, 'tagSummary');
    for (const path of ['/api/v1/images', PATH, `/images/${NAME}`]) {
      expect((await request(scene.http).get(path)).status).toBe(200);
      expect(tagSummary).toHaveBeenCalledExactlyOnceWith(NAME);
      tagSummary.mockClear();
    }
    expect((await request(scene.http).get('/images/absent')).status).toBe(404);
    expect(tagSummary).not.toHaveBeenCalled();
  });

  it('/<repository> gives the registry that it follows under whatever name', async () => {
    configureImages(scene, [HUB], [{ ...makeImage(HUB, 'library/debian'), name: 'base/debian' }]);
    expect((await request(scene.http).get('/api/v1/images/base/debian')).body).toMatchObject({
      name: 'base/debian',
      registry: { name: 'docker.io', use: { remaining: 63 } },
    });
    const page = await request(scene.http).get('/images/base/debian');
    expect(page.text).toContain('Manifests left to fetch from docker.io');
  });

  it('/-/tags gives tags in pages, one with its history, and manifests', async () => {
    const [old, child] = [buildImage({ seed: 'old' }), buildImage({ seed: 'new', platform: 'linux/arm64' })];
    const index = buildIndex([child]);
    await storeImage(scene, old, { repository: NAME, origin: 'mirrored', tags: ['a', 'b', 'c'], at: NOW - 2000 });
    await storeImage(scene, index, { repository: NAME, origin: 'mirrored', tags: ['b'], at: NOW - 1000 });
    const pages = await everyPage(`${PATH}/-/tags?limit=2`);
    expect(pages.map(({ tags }) => tags.map(({ tag }) => tag))).toEqual([['a', 'b'], ['c']]);
    expect((await request(scene.http).get(`${PATH}/-/tags/b`)).body).toMatchObject({
      ...{
        tag: 'b',
        digest: index.digest,
        movedAt: NOW - 1000,
        platforms: [{ platform: 'linux/arm64', isHere: true }],
      },
      history: [{ digest: old.digest, movedAt: NOW - 2000, replacedAt: NOW - 1000, isHere: true }],
    });
    expect((await request(scene.http).get(`${PATH}/-/manifests/${index.digest}`)).body).toMatchObject({
      ...{ kind: 'index', tags: ['b'], platforms: [{ digest: child.digest, platform: 'linux/arm64', isHere: true }] },
    });
    expect((await request(scene.http).get(`${PATH}/-/manifests/${child.digest}`)).body).toMatchObject({
      ...{ kind: 'image', layers: [{ isHere: true, step: 'layer 0' }], config: { environment: ['PATH'] } },
    });
  });

  it('/-/runs gives runs in pages, and one that /api/v1/runs gives as well', async () => {
    const ids = [1, 2, 3].map(() => addRun(scene, NAME, { upstream: NAME }).id);
    const pages = await everyPage(`${PATH}/-/runs?limit=2`);
    expect(pages.flatMap(({ runs }) => runs.map(({ id }) => id))).toEqual(ids.toReversed());
    for (const path of [`${PATH}/-/runs/${ids[0]}`, `/api/v1/runs/${ids[0]}`])
      expect((await request(scene.http).get(path)).body).toMatchObject({ id: ids[0], mirror: NAME, upstream: NAME });
    expect((await request(scene.http).get(`/api/v1/images/lab/x/-/runs/${ids[0]}`)).status).toBe(404);
  });

  it.each(['/absent', `/${NAME}/-/tags/absent`, `/${NAME}/-/manifests/sha256:1`, `/${NAME}/-/runs/x`, '/A', '/a//b'])(
    'is a problem of 404 at %s',
    async (path) => {
      const answer = await request(scene.http).get(`/api/v1/images${path}`);
      expect(answer.status).toBe(404);
      expect(JSON.parse(answer.text)).toMatchObject({
        code: 'not-found',
        hint: expect.stringMatching(/list|run/) as string,
      });
    },
  );

  it.each(['limit=0', 'limit=201', 'limit=x'])('refuses %s', async (query) => {
    for (const path of ['/api/v1/images', `${PATH}/-/tags`, `${PATH}/-/runs`])
      expect((await request(scene.http).get(`${path}?${query}`)).status).toBe(400);
  });
});
