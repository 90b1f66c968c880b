import { expect } from 'vitest';
import { dateOf, expectStatus, get, httpCase, tagOf, type HttpCase } from './case.js';
import { ABSENT, DIGITS, FILE_TIME, FOLDER, FOLDER_WITHOUT_SLASH, WITH_BYTES, type SiteFile } from './site-files.js';

const AT = dateOf(FILE_TIME);
const BEFORE = dateOf(FILE_TIME, -1);
const AFTER = dateOf(FILE_TIME, 1);
const RANGE = { Range: 'bytes=1-3' };
/** What is no date, or more than one. */
const NO_DATES = ['', 'yesterday', '2026-01-02T03:04:05Z', `${AT}, ${AT}`, 'Fri, 32 Jan 2026 03:04:05 GMT', '0'];

async function weakTagOf(...where: Parameters<typeof tagOf>): Promise<string> {
  return `W/${await tagOf(...where)}`;
}

export const matchCases: readonly HttpCase[] = [
  httpCase('9110-13.1.1-a', 'If-Match: * holds for what is there', (scene) =>
    forEach(WITH_BYTES, (file) => expectStatus(scene, file, { 'If-Match': '*' }, 200)),
  ),
  httpCase('9110-13.1.1-b', 'If-Match holds where one tag of the list is that of the file', (scene) =>
    forEach(WITH_BYTES, async (file) => {
      const tag = await tagOf(scene, file.path);
      for (const list of [tag, `"x", ${tag}`, `${tag},"x"`, `"a,b" ,${tag}`, `, ${tag} ,,`])
        await expectStatus(scene, file, { 'If-Match': list }, 200);
    }),
  ),
  httpCase('9110-13.1.1-c', 'If-Match that does not hold is answered 412', async (scene) => {
    const tag = await tagOf(scene, DIGITS.path);
    for (const list of ['"x"', '"x", "y"', `"${tag.slice(1, -1)}x"`, '""'])
      await expectStatus(scene, DIGITS, { 'If-Match': list }, 412);
  }),
  httpCase('9110-13.1.1-d', 'If-Match compares strongly: a weak tag is never the same', async (scene) => {
    await expectStatus(scene, DIGITS, { 'If-Match': await weakTagOf(scene, DIGITS.path) }, 412);
    const weak = await tagOf(scene, FOLDER);
    expect((await scene.client.ask(FOLDER, { 'If-Match': weak })).status).toBe(412);
  }),
  httpCase('9110-13.1.2-a', 'If-None-Match: * does not hold for what is there', (scene) =>
    forEach(WITH_BYTES, (file) => expectStatus(scene, file, { 'If-None-Match': '*' }, 304)),
  ),
  httpCase('9110-13.1.2-b', 'If-None-Match does not hold where one tag of the list is that of the file', (scene) =>
    forEach(WITH_BYTES, async (file) => {
      const tag = await tagOf(scene, file.path);
      for (const list of [tag, `"x", ${tag}`, `${tag},"x"`, `"a,b" ,${tag}`, `, ${tag} ,,`])
        await expectStatus(scene, file, { 'If-None-Match': list }, 304);
      for (const list of ['"x"', '"x", "y"', `"${tag.slice(1, -1)}x"`, '""'])
        await expectStatus(scene, file, { 'If-None-Match': list }, 200);
    }),
  ),
  httpCase('9110-13.1.2-c', 'If-None-Match compares weakly', async (scene) => {
    await expectStatus(scene, DIGITS, { 'If-None-Match': await weakTagOf(scene, DIGITS.path) }, 304);
    const weak = await tagOf(scene, FOLDER);
    for (const tag of [weak, weak.replace(/^W\//, '')])
      expect((await scene.client.ask(FOLDER, { 'If-None-Match': tag })).status).toBe(304);
  }),
  httpCase('9110-13.1.2-d', 'If-None-Match that does not hold is answered 304 for HEAD as well', async (scene) => {
    const fields = { 'If-None-Match': await tagOf(scene, DIGITS.path) };
    expect((await scene.client.ask(DIGITS.path, fields, 'HEAD')).status).toBe(304);
  }),
];

export const dateConditionCases: readonly HttpCase[] = [
  httpCase('9110-13.1.3-a', 'If-Modified-Since of the time of the file is answered 304', (scene) =>
    forEach(WITH_BYTES, async (file) => {
      await expectStatus(scene, file, { 'If-Modified-Since': AT }, 304);
      expect((await scene.client.ask(file.path, { 'If-Modified-Since': AT }, 'HEAD')).status).toBe(304);
    }),
  ),
  httpCase('9110-13.1.3-b', 'If-Modified-Since of a later time is answered 304', (scene) =>
    expectStatus(scene, DIGITS, { 'If-Modified-Since': AFTER }, 304),
  ),
  httpCase('9110-13.1.3-c', 'If-Modified-Since of an earlier time is answered 200', (scene) =>
    expectStatus(scene, DIGITS, { 'If-Modified-Since': BEFORE }, 200),
  ),
  httpCase('9110-13.1.3-d', 'If-Modified-Since that is no date is ignored', (scene) =>
    forEach(NO_DATES, (date) => expectStatus(scene, DIGITS, { 'If-Modified-Since': date }, 200)),
  ),
  httpCase('9110-13.1.3-e', 'If-Modified-Since of more than one line is ignored', async (scene) => {
    for (const dates of [
      [AT, AT],
      [AT, BEFORE],
      [BEFORE, AT],
    ])
      await expectStatus(
        scene,
        DIGITS,
        dates.map((date) => ['If-Modified-Since', date] as const),
        200,
      );
  }),
  httpCase('9110-13.1.3-f', 'If-Modified-Since is ignored beside If-None-Match', (scene) =>
    forEach([AT, BEFORE, AFTER], (date) =>
      expectStatus(scene, DIGITS, { 'If-None-Match': '"x"', 'If-Modified-Since': date }, 200),
    ),
  ),
  httpCase('9110-13.1.3-g', 'If-Modified-Since is ignored where there is no time of modification', async (scene) => {
    const { fields } = await scene.client.ask(FOLDER);
    expect(fields['last-modified']).toBeUndefined();
    const later = dateOf(Date.now(), 86_400);
    expect((await scene.client.ask(FOLDER, { 'If-Modified-Since': later })).status).toBe(200);
  }),
  httpCase('9110-13.1.4-a', 'If-Unmodified-Since of the time of the file or a later one holds', (scene) =>
    forEach([AT, AFTER], (date) => expectStatus(scene, DIGITS, { 'If-Unmodified-Since': date }, 200)),
  ),
  httpCase('9110-13.1.4-b', 'If-Unmodified-Since of an earlier time is answered 412', async (scene) => {
    await forEach(WITH_BYTES, (file) => expectStatus(scene, file, { 'If-Unmodified-Since': BEFORE }, 412));
    expect((await scene.client.ask(DIGITS.path, { 'If-Unmodified-Since': BEFORE }, 'HEAD')).status).toBe(412);
  }),
  httpCase('9110-13.1.4-c', 'If-Unmodified-Since that is no date, or several, is ignored', (scene) =>
    forEach([...NO_DATES, `${BEFORE}, ${BEFORE}`], (date) =>
      expectStatus(scene, DIGITS, { 'If-Unmodified-Since': date }, 200),
    ),
  ),
  httpCase('9110-13.1.4-d', 'If-Unmodified-Since of more than one line is ignored', (scene) =>
    expectStatus(
      scene,
      DIGITS,
      [
        ['If-Unmodified-Since', BEFORE],
        ['If-Unmodified-Since', BEFORE],
      ],
      200,
    ),
  ),
  httpCase('9110-13.1.4-e', 'If-Unmodified-Since is ignored beside If-Match', (scene) =>
    expectStatus(scene, DIGITS, { 'If-Match': '*', 'If-Unmodified-Since': BEFORE }, 200),
  ),
  httpCase('9110-13.1.4-f', 'If-Unmodified-Since is ignored where there is no time of modification', async (scene) => {
    expect((await scene.client.ask(FOLDER, { 'If-Unmodified-Since': dateOf(0) })).status).toBe(200);
  }),
];

export const ifRangeCases: readonly HttpCase[] = [
  httpCase('9110-13.1.5-a', 'If-Range without Range is ignored', async (scene) => {
    for (const value of ['"x"', BEFORE, await tagOf(scene, DIGITS.path)])
      await expectStatus(scene, DIGITS, { 'If-Range': value }, 200);
  }),
  httpCase('9110-13.1.5-b', 'If-Range of the tag of the file: the range', (scene) =>
    forEach(WITH_BYTES, async (file) =>
      expectStatus(scene, file, { ...RANGE, 'If-Range': await tagOf(scene, file.path) }, 206),
    ),
  ),
  httpCase('9110-13.1.5-c', 'If-Range of another tag: the whole', (scene) =>
    forEach(WITH_BYTES, (file) => expectStatus(scene, file, { ...RANGE, 'If-Range': '"x"' }, 200)),
  ),
  httpCase('9110-13.1.5-d', 'If-Range compares strongly: a weak tag is another one', async (scene) =>
    expectStatus(scene, DIGITS, { ...RANGE, 'If-Range': await weakTagOf(scene, DIGITS.path) }, 200),
  ),
  httpCase('9110-13.1.5-e', 'If-Range of a date holds for the very time of the file only', async (scene) => {
    await expectStatus(scene, DIGITS, { ...RANGE, 'If-Range': AT }, 206);
    await expectStatus(scene, DIGITS, { ...RANGE, 'If-Range': BEFORE }, 200);
    await expectStatus(scene, DIGITS, { ...RANGE, 'If-Range': AFTER }, 200);
  }),
  httpCase('9110-13.1.5-f', 'If-Range that is neither tag nor date does not hold', (scene) =>
    forEach(['x', '*', 'W/x', 'yesterday'], (value) =>
      expectStatus(scene, DIGITS, { ...RANGE, 'If-Range': value }, 200),
    ),
  ),
  httpCase('9110-13.1.5-g', 'If-Range is ignored where there are no ranges', async (scene) => {
    const tag = await tagOf(scene, FOLDER);
    for (const value of [tag, '"x"']) {
      const { status } = await scene.client.ask(FOLDER, { ...RANGE, 'If-Range': value });
      expect(status).toBe(200);
    }
  }),
  httpCase(
    '9110-13.1.5-h',
    'If-Range that does not hold lets the whole be sent where the range would be 416',
    (scene) => expectStatus(scene, DIGITS, { Range: 'bytes=10-', 'If-Range': '"x"' }, 200),
  ),
];

export const preconditionCases: readonly HttpCase[] = [
  httpCase(
    '9110-13.2.1-a',
    'conditions are ignored where the answer would be no 2xx without them',
    async ({ client }) => {
      const conditions = [
        { 'If-Match': '*' },
        { 'If-Match': '"x"' },
        { 'If-None-Match': '*' },
        { 'If-Unmodified-Since': dateOf(0) },
        { 'If-Modified-Since': dateOf(Date.now()) },
        { ...RANGE, 'If-Range': '"x"' },
      ];
      for (const fields of conditions)
        for (const [path, status] of [
          [ABSENT, 404],
          [FOLDER_WITHOUT_SLASH, 301],
        ] as const)
          expect([JSON.stringify(fields), (await client.ask(path, fields)).status]).toEqual([
            JSON.stringify(fields),
            status,
          ]);
    },
  ),
  httpCase('9110-13.2.1-b', 'conditions are ignored for a method that selects nothing', async ({ client }) => {
    for (const fields of [{ 'If-None-Match': '*' }, { 'If-Match': '"x"' }])
      expect((await client.askOnce(DIGITS.path, fields, 'OPTIONS')).status).toBeOneOf([200, 204, 405]);
  }),
  httpCase('9110-13.2.2-a', 'the first condition of the order decides, in each combination of them', async (scene) => {
    const tag = await tagOf(scene, DIGITS.path);
    for (const method of ['GET', 'HEAD'])
      for (const [fields, status] of combinations(tag, method)) {
        const answer =
          method === 'GET' ? await get(scene, DIGITS, fields) : await scene.client.ask(DIGITS.path, fields, method);
        expect([method, JSON.stringify(fields), answer.status]).toEqual([method, JSON.stringify(fields), status]);
      }
  }),
];

type Held = boolean | undefined;
type Holds = Record<'match' | 'unmodified' | 'noneMatch' | 'modified' | 'range', Held>;
const HELD: readonly Held[] = [undefined, true, false];

/** All combinations of conditions that are not there, hold, or do not hold, and the status of each by section 13.2.2. */
function combinations(tag: string, method: string): [Record<string, string>, number][] {
  const names = ['match', 'unmodified', 'noneMatch', 'modified', 'range'] as const;
  const all = names.reduce<readonly Partial<Holds>[]>(
    (some, name) => some.flatMap((holds) => HELD.map((held) => ({ ...holds, [name]: held }))),
    [{}],
  );
  return all.map((holds) => {
    const fields = {
      ...field('If-Match', holds.match, tag, '"x"'),
      ...field('If-Unmodified-Since', holds.unmodified, AT, BEFORE),
      ...field('If-None-Match', holds.noneMatch, '"x"', tag),
      ...field('If-Modified-Since', holds.modified, BEFORE, AT),
      ...(holds.range === undefined ? {} : RANGE),
      ...field('If-Range', holds.range, tag, '"x"'),
    };
    return [fields, statusBy13_2_2(holds, method)];
  });
}

function field(name: string, held: Held, holds: string, fails: string): Record<string, string> {
  return held === undefined ? {} : { [name]: held ? holds : fails };
}

function statusBy13_2_2(held: Partial<Holds>, method: string): number {
  if (held.match === false) return 412; // step 1
  if (held.match === undefined && held.unmodified === false) return 412; // step 2
  if (held.noneMatch === false) return 304; // step 3
  if (held.noneMatch === undefined && held.modified === false) return 304; // step 4
  return method === 'GET' && held.range === true ? 206 : 200; // steps 5 and 6
}

async function forEach<T extends SiteFile | string>(all: readonly T[], run: (one: T) => Promise<void>): Promise<void> {
  for (const one of all) await run(one);
}
