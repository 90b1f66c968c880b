import { expect } from 'vitest';
import { get, httpCase, tagOf, type HttpCase } from './case.js';
import { ABSENT, DIGITS, FOLDER, FOLDER_WITHOUT_SLASH, INDEX, LARGE, WITH_BYTES } from './site-files.js';

const DIRECTIVE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:=(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+|"[^"]*"))?$/;
const TREE_PATHS = [DIGITS.path, LARGE.path, INDEX.path, FOLDER, FOLDER_WITHOUT_SLASH];

function directivesOf(field: string | undefined): Map<string, string> {
  const directives = (field ?? '').split(/, */);
  for (const one of directives) expect(one).toMatch(DIRECTIVE);
  return new Map(directives.map((one) => [one.split('=')[0] ?? '', one.split('=')[1] ?? '']));
}

/** What an origin server owes to caches. */
export const cachingCases: readonly HttpCase[] = [
  httpCase(
    '9111-3.3',
    'an answer with content says where it ends, so that a part is not kept for the whole',
    async (scene) => {
      for (const file of WITH_BYTES) {
        const { fields } = await get(scene, file);
        expect([fields['content-length'], fields['transfer-encoding']]).toEqual([
          String(file.content.length),
          undefined,
        ]);
      }
    },
  ),
  httpCase('9111-3.4', 'a part can be put to what is kept: the same strong tag', async (scene) => {
    for (const file of WITH_BYTES) {
      const [whole, part] = [await get(scene, file), await get(scene, file, { Range: 'bytes=2-' })];
      expect(part.fields['etag']).toBe(whole.fields['etag']);
      expect(part.fields['etag']).toMatch(/^"/);
    }
  }),
  httpCase('9111-4.1', 'each representation of a folder is told by the same Vary', async ({ client }) => {
    const varied = new Set<string | undefined>();
    for (const accept of ['text/html', 'application/json', 'text/plain', '*/*'])
      varied.add((await client.ask(FOLDER, { Accept: accept })).fields['vary']);
    expect(varied.size).toBe(1);
  }),
  httpCase('9111-4.2.1', 'how long a tree may be kept is said by number, never left to a guess', async ({ client }) => {
    for (const path of TREE_PATHS)
      expect(directivesOf((await client.ask(path)).fields['cache-control']).get('max-age')).toMatch(/^\d+$/);
  }),
  httpCase('9111-4.3.4', 'a 304 has the tag and the lifetime of the answer that it refreshes', async (scene) => {
    for (const path of [DIGITS.path, LARGE.path, INDEX.path, FOLDER]) {
      const whole = await scene.client.ask(path);
      const same = await scene.client.ask(path, { 'If-None-Match': whole.fields['etag'] ?? '' });
      for (const name of ['etag', 'cache-control']) expect(same.fields[name]).toBe(whole.fields[name]);
      // what a 304 says replaces what is kept (section 3.2)
      for (const [name, value] of Object.entries(same.fields))
        if (['last-modified', 'vary', 'content-security-policy'].includes(name)) expect(value).toBe(whole.fields[name]);
    }
  }),
  httpCase('9111-4.3.5', 'HEAD refreshes what is kept: the validators and the length of GET', async (scene) => {
    for (const file of WITH_BYTES) {
      const [whole, head] = [await get(scene, file), await scene.client.ask(file.path, {}, 'HEAD')];
      for (const name of ['etag', 'last-modified', 'content-length'])
        expect(head.fields[name]).toBe(whole.fields[name]);
    }
  }),
  httpCase('9111-5.1', 'Age is for caches: the origin sends none', async ({ client }) => {
    for (const path of [...TREE_PATHS, ABSENT]) expect((await client.ask(path)).fields['age']).toBeUndefined();
  }),
  httpCase('9111-5.2.1', 'directives of a request change nothing of a tree that is here', async (scene) => {
    const whole = await get(scene, DIGITS);
    for (const directives of ['no-cache', 'no-store', 'max-age=0', 'only-if-cached', 'max-stale', 'min-fresh=60']) {
      const answer = await get(scene, DIGITS, { 'Cache-Control': directives, Pragma: 'no-cache' });
      expect([answer.status, answer.fields['etag']]).toEqual([200, whole.fields['etag']]);
    }
    const tag = await tagOf(scene, DIGITS.path);
    expect((await get(scene, DIGITS, { 'Cache-Control': 'max-age=0', 'If-None-Match': tag })).status).toBe(304);
  }),
  httpCase(
    '9111-5.2.2',
    'Cache-Control keeps its grammar, with numbers as tokens and no directive twice',
    async (scene) => {
      for (const path of [...TREE_PATHS, ABSENT]) {
        const field = (await scene.client.ask(path)).fields['cache-control'];
        expect(directivesOf(field).size).toBe((field ?? '').split(/, */).length);
        expect(field).not.toContain('"');
      }
    },
  ),
  httpCase('9111-5.2.2.5', 'what is refused is not kept', async (scene) => {
    for (const answer of [await scene.client.ask(ABSENT), await get(scene, DIGITS, { Range: 'bytes=10-' })])
      expect(directivesOf(answer.fields['cache-control']).has('no-store')).toBe(true);
  }),
  httpCase('9111-5.4', 'nothing is sent that is deprecated: no Pragma, no Warning', async ({ client }) => {
    for (const path of [...TREE_PATHS, ABSENT])
      for (const name of ['pragma', 'warning']) expect((await client.ask(path)).fields[name]).toBeUndefined();
  }),
];
