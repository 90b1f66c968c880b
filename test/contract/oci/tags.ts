import { expect } from 'vitest';
import { buildImage } from '../../fixtures/image-builder.js';
import { contractCase, type Scene } from './case.js';
import { expectError, expectStatus, jsonOf } from './client.js';
import { followPages, nextOf } from './paging.js';

const TAGS = ['v2', 'latest', 'v10', '1.0', '_x', 'v1'];
/** Bytewise; the specification also allows an order that is blind to case, which is the same here. */
const SORTED = ['1.0', '_x', 'latest', 'v1', 'v10', 'v2'];

/** Row 8. */
export const tagCases = [
  contractCase('row-8-list', 'all tags in order', async (scene) => {
    const path = await tagged(scene);
    expect(await list(scene, path)).toEqual({ tags: SORTED, next: undefined });
  }),

  contractCase('row-8-pages', 'pages lead from one to the next', async (scene) => {
    const path = await tagged(scene);
    const pages = await followPages(scene.client, `${path}?n=4`, 'tags');
    expect(pages).toEqual([SORTED.slice(0, 4), SORTED.slice(4)]);
  }),

  contractCase('row-8-exact', 'a page that holds the last tag leads nowhere', async (scene) => {
    const path = await tagged(scene);
    for (const n of [6, 7, 1000])
      expect(await list(scene, `${path}?n=${n}`)).toEqual({ tags: SORTED, next: undefined });
    expect(await list(scene, `${path}?n=3&last=latest`)).toEqual({ tags: SORTED.slice(3), next: undefined });
  }),

  contractCase('row-8-last', 'last is left out, and need not exist', async (scene) => {
    const path = await tagged(scene);
    expect((await list(scene, `${path}?n=100&last=latest`)).tags).toEqual(SORTED.slice(3));
    expect((await list(scene, `${path}?n=2&last=nothing`)).tags).toEqual(['v1', 'v10']);
    expect((await list(scene, `${path}?n=2&last=zzz`)).tags).toEqual([]);
  }),

  contractCase('row-8-last-alone', 'last does not need n', async (scene) => {
    const path = await tagged(scene);
    expect((await list(scene, `${path}?last=latest`)).tags).toEqual(SORTED.slice(3));
  }),

  contractCase('row-8-none', 'n=0 is an empty list that leads nowhere', async (scene) => {
    const path = await tagged(scene);
    expect(await list(scene, `${path}?n=0`)).toEqual({ tags: [], next: undefined });
  }),

  contractCase('row-8-bad-number', 'an n that is no number is refused', async (scene) => {
    const path = await tagged(scene);
    for (const n of ['-1', 'x', '1.5', '1e3'])
      expectError(await scene.client.get(`${path}?n=${n}`), 400, 'PAGINATION_NUMBER_INVALID');
  }),

  contractCase('row-8-huge-number', 'an n of any size is one', async (scene) => {
    const path = await tagged(scene);
    expect((await list(scene, `${path}?n=2000000000`)).tags).toEqual(SORTED);
  }),

  contractCase('row-8-name-unknown', 'a repository that is not here has no list', async ({ client, repository }) => {
    expectError(await client.get(`/v2/${repository('none')}/tags/list`), 404, 'NAME_UNKNOWN');
  }),

  contractCase('row-8-no-tags', 'the list of a repository without tags is empty, not null', async (scene) => {
    const { client, repository } = scene;
    await client.pushImage(repository(), buildImage({ seed: 'no-tags' }));
    expect((await list(scene, `/v2/${repository()}/tags/list`)).tags).toEqual([]);
  }),
];

async function tagged({ client, repository }: Scene): Promise<string> {
  await client.pushImage(repository(), buildImage({ seed: 'tagged' }), ...TAGS);
  return `/v2/${repository()}/tags/list`;
}

async function list({ client, repository }: Scene, path: string) {
  const answer = await client.get(path);
  expectStatus(answer, 200);
  const json = jsonOf(answer) as { name: string; tags: string[] };
  expect(json.name).toBe(repository());
  return { tags: json.tags, next: nextOf(answer) };
}
