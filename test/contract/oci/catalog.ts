import { expect } from 'vitest';
import { buildImage } from '../../fixtures/image-builder.js';
import { contractCase, type Scene } from './case.js';
import { expectError, expectStatus, jsonOf } from './client.js';
import { followPages } from './paging.js';

const NAMES = ['a', 'b/c', 'd'];

/** Docker's list of repositories. */
export const catalogCases = [
  contractCase('catalog-list', 'the catalogue names every repository once, in order', async (scene) => {
    const names = await repositories(scene);
    const all = (await followPages(scene.client, '/v2/_catalog?n=1000', 'repositories')).flat() as string[];
    expect(all.filter((name) => names.includes(name))).toEqual(names);
    expect(all).toEqual([...new Set(all)].sort());
  }),

  contractCase('catalog-pages', 'pages of the catalogue lead from one to the next', async (scene) => {
    const names = await repositories(scene);
    const pages = (await followPages(scene.client, '/v2/_catalog?n=7', 'repositories')) as string[][];
    expect(pages.slice(0, -1).filter((page) => page.length !== 7)).toEqual([]);
    expect(pages.flat().filter((name) => names.includes(name))).toEqual(names);
  }),

  contractCase('catalog-last', 'the catalogue begins after last, which need not exist', async (scene) => {
    const [, second] = await repositories(scene);
    for (const last of [scene.repository('a'), scene.repository('aa')]) {
      const answer = await scene.client.get(`/v2/_catalog?n=1&last=${encodeURIComponent(last)}`);
      expectStatus(answer, 200);
      expect(jsonOf(answer)).toEqual({ repositories: [second] });
    }
  }),

  contractCase('catalog-bad-number', 'an n that is no number is refused', async ({ client }) => {
    for (const n of ['-1', 'x', '1.5'])
      expectError(await client.get(`/v2/_catalog?n=${n}`), 400, 'PAGINATION_NUMBER_INVALID');
  }),
];

async function repositories({ client, repository }: Scene): Promise<string[]> {
  for (const name of NAMES) await client.pushImage(repository(name), buildImage({ seed: 'catalog' }), '1');
  return NAMES.map((name) => repository(name));
}
