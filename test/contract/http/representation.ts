import { expect } from 'vitest';
import { dateOf, expectStatus, get, httpCase, tagOf, type HttpCase, type Scene } from './case.js';
import type { RawAnswer } from './raw-client.js';
import {
  ABSENT,
  AHEAD,
  ARCHIVE,
  DIGITS,
  EMPTY,
  FILE_TIME,
  FILES,
  FOLDER,
  FOLDER_WITHOUT_SLASH,
  INDEX,
  LARGE,
  PAGE,
  WITH_BYTES,
} from './site-files.js';

const IMF_FIXDATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/;
const ENTITY_TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;
const RANGE = { Range: 'bytes=1-3' };

/** An answer of each kind, by its status. */
async function eachKind(scene: Scene): Promise<RawAnswer[]> {
  const { client } = scene;
  return [
    await get(scene, DIGITS),
    await get(scene, DIGITS, RANGE),
    await client.ask(FOLDER_WITHOUT_SLASH),
    await get(scene, DIGITS, { 'If-None-Match': '*' }),
    await client.ask(ABSENT),
    await get(scene, DIGITS, { 'If-Match': '"other"' }),
    await get(scene, DIGITS, { Range: 'bytes=10-' }),
  ];
}
const KINDS = [200, 206, 301, 304, 404, 412, 416];

export const dateCases: readonly HttpCase[] = [
  httpCase('9110-5.6.7-a', 'all three forms of a date are read', async (scene) => {
    for (const date of [
      'Fri, 02 Jan 2026 03:04:05 GMT',
      'Friday, 02-Jan-26 03:04:05 GMT',
      'Fri Jan  2 03:04:05 2026',
    ]) {
      await expectStatus(scene, DIGITS, { 'If-Modified-Since': date }, 304);
      await expectStatus(scene, DIGITS, { ...RANGE, 'If-Range': date }, 206);
      await expectStatus(scene, DIGITS, { 'If-Unmodified-Since': date }, 200);
    }
    for (const date of [
      'Thu, 01 Jan 2026 03:04:05 GMT',
      'Thursday, 01-Jan-26 03:04:05 GMT',
      'Thu Jan  1 03:04:05 2026',
    ])
      await expectStatus(scene, DIGITS, { 'If-Unmodified-Since': date }, 412);
  }),
  httpCase('9110-5.6.7-b', 'dates that are sent have the form IMF-fixdate', async (scene) => {
    const { fields } = await get(scene, DIGITS);
    expect(fields['date']).toMatch(IMF_FIXDATE);
    expect(fields['last-modified']).toBe(dateOf(FILE_TIME));
  }),
  httpCase('9110-5.6.7-c', 'a year of two digits that seems over 50 years ahead is in the past', async (scene) => {
    // 99 is 1999, before the file; 40 is 2040, after it
    await expectStatus(scene, DIGITS, { 'If-Unmodified-Since': 'Friday, 01-Jan-99 00:00:00 GMT' }, 412);
    await expectStatus(scene, DIGITS, { 'If-Unmodified-Since': 'Sunday, 01-Jan-40 00:00:00 GMT' }, 200);
  }),
  httpCase('9110-6.6.1', 'answers of 2xx, 3xx and 4xx have a date, which is now', async (scene) => {
    const before = Math.floor(Date.now() / 1000) * 1000;
    const answers = await eachKind(scene);
    expect(answers.map(({ status }) => status)).toEqual(KINDS);
    for (const { fields } of answers) {
      expect(fields['date']).toMatch(IMF_FIXDATE);
      // answers of the same second share a date: one may be made at the end of the second before
      expect(Date.parse(fields['date'] ?? '')).toBeGreaterThanOrEqual(before - 1000);
      expect(Date.parse(fields['date'] ?? '')).toBeLessThanOrEqual(Date.now() + 1000);
    }
  }),
];

export const representationCases: readonly HttpCase[] = [
  httpCase('9110-5.1', 'names of fields are the same in any case', async (scene) => {
    for (const name of ['if-none-match', 'IF-NONE-MATCH', 'iF-nOnE-mAtCh'])
      await expectStatus(scene, DIGITS, { [name]: '*' }, 304);
    await expectStatus(scene, DIGITS, { rANGE: 'bytes=1-3' }, 206);
  }),
  httpCase('9110-5.3', 'lines of the same list are one list', async (scene) => {
    const tag = await tagOf(scene, DIGITS.path);
    for (const name of ['If-None-Match', 'If-Match'])
      for (const tags of [
        ['"other"', tag],
        [tag, '"other"'],
      ])
        await expectStatus(
          scene,
          DIGITS,
          tags.map((one) => [name, one] as const),
          name === 'If-Match' ? 200 : 304,
        );
  }),
  httpCase('9110-8.3', 'what has content says of which type', async (scene) => {
    for (const file of [DIGITS, LARGE, ARCHIVE, PAGE])
      expect((await get(scene, file)).fields['content-type']).toMatch(/^[a-z]+\/[\w.+-]+/);
    expect((await get(scene, PAGE)).fields['content-type']).toMatch(/^text\/html/);
    expect((await scene.client.ask(FOLDER)).fields['content-type']).toMatch(/^text\/html/);
  }),
  httpCase('9110-8.4', 'an archive is content itself, never a coding of something else', async (scene) => {
    for (const fields of [{}, { 'Accept-Encoding': 'gzip' }, { 'Accept-Encoding': 'gzip, br;q=0.5, *;q=0' }])
      expect((await get(scene, ARCHIVE, fields)).fields['content-encoding']).toBeUndefined();
  }),
  httpCase('9110-8.6-a', 'Content-Length of HEAD is that of GET', async (scene) => {
    for (const file of FILES) {
      const head = await scene.client.ask(file.path, {}, 'HEAD');
      expect([head.status, head.fields['content-length']]).toEqual([200, String(file.content.length)]);
      expect((await get(scene, file)).fields['content-length']).toBe(String(file.content.length));
    }
  }),
  httpCase('9110-8.6-b', 'a 304 has no Content-Length but that of the 200', async (scene) => {
    for (const file of FILES) {
      const { fields } = await get(scene, file, { 'If-None-Match': '*' });
      expect([undefined, String(file.content.length)]).toContain(fields['content-length']);
    }
  }),
  httpCase('9110-8.8.1', 'a strong validator changes with the content', async (scene) => {
    const paths = { first: 'changing/first', second: 'changing/second' };
    await scene.write(paths.first, 'one', FILE_TIME);
    await scene.write(paths.second, 'same', FILE_TIME);
    const [first, second] = [
      await tagOf(scene, '/debian/changing/first'),
      await tagOf(scene, '/debian/changing/second'),
    ];
    await scene.write(paths.first, 'two', FILE_TIME + 2000);
    const changed = await scene.client.ask('/debian/changing/first', { 'If-None-Match': first });
    expect([changed.status, changed.body.toString()]).toEqual([200, 'two']);
    expect(changed.fields['etag']).not.toBe(first);
    expect(await tagOf(scene, '/debian/changing/second')).toBe(second);
  }),
  httpCase('9110-8.8.2', 'a file has a Last-Modified, in 200, 206 and for HEAD', async (scene) => {
    for (const file of WITH_BYTES)
      for (const answer of [
        await get(scene, file),
        await get(scene, file, RANGE),
        await scene.client.ask(file.path, {}, 'HEAD'),
      ])
        expect(answer.fields['last-modified']).toBe(dateOf(FILE_TIME));
  }),
  httpCase('9110-8.8.2.1', 'Last-Modified is never later than Date', async (scene) => {
    for (const answer of [await get(scene, AHEAD), await scene.client.ask(AHEAD.path, {}, 'HEAD')]) {
      const [modified, date] = [answer.fields['last-modified'] ?? '', answer.fields['date'] ?? ''];
      expect(modified).toMatch(IMF_FIXDATE);
      expect(Date.parse(modified)).toBeLessThanOrEqual(Date.parse(date));
    }
  }),
  httpCase('9110-8.8.3-a', 'a file has a strong entity tag, in its grammar', async (scene) => {
    for (const file of FILES) {
      const tag = await tagOf(scene, file.path);
      expect(tag).toMatch(ENTITY_TAG);
      expect(tag).not.toMatch(/^W\//);
    }
  }),
  httpCase('9110-8.8.3-b', 'what has no strong validator but a tag says that it is weak', async (scene) => {
    const { fields } = await scene.client.ask(FOLDER);
    expect(fields['etag'] ?? 'none').toMatch(/^W\/"/);
  }),
  httpCase('9110-8.8.3.3', 'representations that are negotiated have tags of their own', async (scene) => {
    const accepted = ['text/html', 'application/json', 'text/plain'];
    const answers = [];
    for (const accept of accepted) answers.push(await scene.client.ask(FOLDER, { Accept: accept }));
    expect(answers.map(({ fields }) => fields['content-type']?.split(';')[0])).toEqual(accepted);
    expect(new Set(answers.map(({ fields }) => fields['etag'])).size).toBe(accepted.length);
  }),
];

export const methodCases: readonly HttpCase[] = [
  httpCase('9110-9.1', 'names of methods are case-sensitive: "get" is none', async (scene) => {
    const answer = await scene.client.say(`get ${DIGITS.path} HTTP/1.1\r\nHost: mirror.test\r\n\r\n`);
    expect([400, 405, 501]).toContain(answer.status);
    scene.client.close();
  }),
  httpCase(
    '9112-3.2',
    'a request for no host, for two hosts or for what is none is answered 400',
    async ({ client }) => {
      for (const lines of ['', 'Host: a\r\nHost: b\r\n', 'Host: a\r\nHost: a\r\n', 'Host: a b\r\n', 'Host: a/b\r\n']) {
        const { status } = await client.say(`GET ${DIGITS.path} HTTP/1.1\r\n${lines}\r\n`);
        expect([lines, status]).toEqual([lines, 400]);
        client.close();
      }
    },
  ),
  httpCase('9110-9.3.2-a', 'HEAD is answered without content', async (scene) => {
    // whatever followed would be taken for the answer to the next request
    for (const path of [...FILES.map((file) => file.path), FOLDER, FOLDER_WITHOUT_SLASH, ABSENT])
      expect((await scene.client.ask(path, {}, 'HEAD')).status).toBeLessThan(405);
  }),
  httpCase('9110-9.3.2-b', 'HEAD has the fields that GET has', async (scene) => {
    for (const path of [...FILES.map((file) => file.path), FOLDER, FOLDER_WITHOUT_SLASH, ABSENT]) {
      const [got, head] = [await scene.client.ask(path), await scene.client.ask(path, {}, 'HEAD')];
      expect(head.status).toBe(got.status);
      const made = ['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length'];
      for (const name of Object.keys(got.fields).filter((one) => !made.includes(one)))
        expect(`${name}: ${head.fields[name]}`).toBe(`${name}: ${got.fields[name]}`);
    }
  }),
  httpCase('9110-10.2.2', 'the Location of a folder leads to it', async (scene) => {
    const { status, fields } = await scene.client.ask(FOLDER_WITHOUT_SLASH);
    expect(status).toBe(301);
    expect(new URL(fields['location'] ?? '', 'http://mirror.test').pathname).toBe(FOLDER);
  }),
  httpCase('9110-12.4.2', 'of what is accepted, the weight decides; a weight of 0 is a refusal', async (scene) => {
    const typeFor = async (accept: string) =>
      (await scene.client.ask(FOLDER, { Accept: accept })).fields['content-type']?.split(';')[0];
    expect(await typeFor('text/html;q=0.5, application/json')).toBe('application/json');
    expect(await typeFor('text/html, application/json;q=0.9')).toBe('text/html');
    expect(await typeFor('text/html;q=0, application/json;q=0.1')).toBe('application/json');
  }),
  httpCase('9110-12.5.5', 'what depends on Accept says so in Vary, whatever the answer', async (scene) => {
    const first = await scene.client.ask(FOLDER);
    const tag = first.fields['etag'] ?? '';
    for (const answer of [
      first,
      await scene.client.ask(FOLDER, {}, 'HEAD'),
      await scene.client.ask(FOLDER, { 'If-None-Match': tag }),
      await scene.client.ask(FOLDER, { Accept: 'application/json' }),
      await scene.client.ask(ABSENT),
    ])
      expect([answer.status, answer.fields['vary']]).toEqual([answer.status, expect.stringMatching(/\bAccept\b/)]);
    for (const file of [DIGITS, INDEX, EMPTY]) expect((await get(scene, file)).fields['vary']).toBeUndefined();
  }),
  httpCase('9110-15.5.6', 'a method that is not allowed is answered 405, with those that are', async (scene) => {
    for (const method of ['PUT', 'DELETE', 'PROPFIND']) {
      const { status, fields } = await scene.client.askOnce(DIGITS.path, { 'Content-Length': '0' }, method);
      const allowed = fields['allow']?.split(/, */).sort();
      expect([method, status, allowed]).toEqual([method, 405, ['GET', 'HEAD']]);
    }
  }),
];
