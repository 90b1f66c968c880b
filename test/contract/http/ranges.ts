import { expect } from 'vitest';
import { dateOf, expectStatus, get, httpCase, tagOf, type HttpCase, type Scene } from './case.js';
import type { RawAnswer } from './raw-client.js';
import {
  ABSENT,
  DIGITS,
  EMPTY,
  FILE_TIME,
  FOLDER,
  FOLDER_WITHOUT_SLASH,
  LARGE,
  WITH_BYTES,
  type SiteFile,
} from './site-files.js';

/** What Content-Range says for a range of the file, or the status where it is no 206. */
async function rangeOf(scene: Scene, file: SiteFile, range: string): Promise<string> {
  const { status, fields } = await get(scene, file, { Range: range });
  return status === 206 ? (fields['content-range'] ?? 'several') : String(status);
}

async function expectRanges(scene: Scene, file: SiteFile, expected: Readonly<Record<string, string>>): Promise<void> {
  const found: Record<string, string> = {};
  for (const range of Object.keys(expected)) found[range] = await rangeOf(scene, file, range);
  expect(found).toEqual(expected);
}

interface Part {
  readonly fields: string;
  readonly range: string;
  readonly bytes: Buffer;
}

/** The parts of a multipart body, by the grammar of RFC 2046 section 5.1. */
function partsOf(answer: RawAnswer): Part[] {
  const type = /^multipart\/byteranges; boundary=([0-9A-Za-z'()+_,./:=? -]{1,70})$/;
  const boundary = type.exec(answer.fields['content-type'] ?? '')?.[1];
  if (boundary === undefined) expect.fail(`Content-Type is ${answer.fields['content-type']}`);
  const pieces = `\r\n${answer.body.toString('latin1').replace(/^\r\n/, '')}`.split(`\r\n--${boundary}`);
  expect([pieces[0], pieces.at(-1)?.trim()]).toEqual(['', '--']);
  return pieces.slice(1, -1).map((piece) => {
    const end = piece.indexOf('\r\n\r\n');
    const fields = piece.slice(2, end);
    const range = /^content-range: (.*)$/im.exec(fields)?.[1] ?? '';
    return { fields, range, bytes: Buffer.from(piece.slice(end + 4), 'latin1') };
  });
}

export const rangeCases: readonly HttpCase[] = [
  httpCase('9110-14.1-a', 'names of units are the same in any case', (scene) =>
    expectRanges(scene, DIGITS, { 'Bytes=0-1': 'bytes 0-1/10', 'BYTES=0-1': 'bytes 0-1/10' }),
  ),
  httpCase('9110-14.1.2-a', 'positions begin at 0, and the last one is included', async (scene) => {
    await expectRanges(scene, DIGITS, { 'bytes=0-0': 'bytes 0-0/10', 'bytes=0-9': 'bytes 0-9/10' });
    await expectRanges(scene, LARGE, {
      'bytes=0-499': 'bytes 0-499/300000',
      'bytes=500-199999': 'bytes 500-199999/300000',
      'bytes=299999-299999': 'bytes 299999-299999/300000',
    });
  }),
  httpCase('9110-14.1.2-b', 'without a last position, or with one beyond the end: to the end', async (scene) => {
    await expectRanges(scene, DIGITS, {
      'bytes=4-': 'bytes 4-9/10',
      'bytes=4-10': 'bytes 4-9/10',
      'bytes=9-18446744073709551616': 'bytes 9-9/10',
    });
    await expectRanges(scene, LARGE, {
      'bytes=1-': 'bytes 1-299999/300000',
      'bytes=9-300000': 'bytes 9-299999/300000',
    });
  }),
  httpCase('9110-14.1.2-c', 'a suffix is so many bytes from the end', async (scene) => {
    await expectRanges(scene, DIGITS, { 'bytes=-1': 'bytes 9-9/10', 'bytes=-10': 'bytes 0-9/10' });
    await expectRanges(scene, LARGE, { 'bytes=-200000': 'bytes 100000-299999/300000' });
  }),
  httpCase('9110-14.1.2-d', 'a suffix that is longer than the file is all of it', async (scene) => {
    await expectRanges(scene, DIGITS, { 'bytes=-11': 'bytes 0-9/10', 'bytes=-18446744073709551616': 'bytes 0-9/10' });
    await expectRanges(scene, LARGE, { 'bytes=-300001': 'bytes 0-299999/300000' });
  }),
  httpCase(
    '9110-14.1.2-e',
    'a first position at or beyond the end, and the last 0 bytes, cannot be satisfied',
    (scene) =>
      expectRanges(scene, DIGITS, {
        'bytes=10-': '416',
        'bytes=10-11': '416',
        'bytes=99999999999999999999-': '416',
        'bytes=-0': '416',
      }),
  ),
  httpCase('9110-14.1.1-a', 'an invalid range is ignored or refused: nothing is made of it', async (scene) => {
    for (const range of [
      'bytes=3-1',
      'bytes=a-b',
      'bytes=1',
      'bytes=',
      'bytes=-',
      'bytes=0-1,3-1',
      'bytes=0x1-2',
      'bytes',
    ])
      expect([range, await rangeOf(scene, DIGITS, range)]).toEqual([range, expect.stringMatching(/^(?:200|400|416)$/)]);
  }),
  httpCase('9110-14.2-a', 'a unit that is not known is ignored', (scene) =>
    expectRanges(scene, DIGITS, { 'lines=0-1': '200', 'bytess=0-1': '200', '0-1': '200' }),
  ),
  httpCase('9110-14.2-b', 'Range is ignored for HEAD', async ({ client }) => {
    for (const range of ['bytes=0-1', 'bytes=0-1,3-4', 'bytes=10-']) {
      const { status, fields } = await client.ask(DIGITS.path, { Range: range }, 'HEAD');
      expect([status, fields['content-length'], fields['content-range']]).toEqual([200, '10', undefined]);
    }
  }),
  httpCase(
    '9110-14.2-c',
    'many small or overlapping ranges do not make more bytes than the file has',
    async (scene) => {
      for (const range of ['0-,0-,0-', Array.from({ length: 300 }, () => '0-9').join(',')]) {
        const { status } = await get(scene, DIGITS, { Range: `bytes=${range}` });
        expect(status).toBe(200);
      }
    },
  ),
  httpCase('9110-14.2-d', 'Range counts only where the answer would be 200 without it', async (scene) => {
    const { client } = scene;
    const fields = { Range: 'bytes=10-' };
    expect((await client.ask(ABSENT, fields)).status).toBe(404);
    expect((await client.ask(FOLDER_WITHOUT_SLASH, fields)).status).toBe(301);
    await expectStatus(scene, DIGITS, { ...fields, 'If-None-Match': '*' }, 304);
    await expectStatus(scene, DIGITS, { ...fields, 'If-Match': '"x"' }, 412);
  }),
  httpCase('9110-14.2-e', 'a range of what can be satisfied is answered 206', (scene) =>
    expectRanges(scene, DIGITS, { 'bytes=2-5': 'bytes 2-5/10', 'bytes= 2-5 ': 'bytes 2-5/10' }),
  ),
  httpCase('9110-14.2-f', 'Range in several lines is no range', (scene) =>
    expectStatus(
      scene,
      DIGITS,
      [
        ['Range', 'bytes=0-1'],
        ['Range', 'bytes=3-4'],
      ],
      200,
    ),
  ),
  httpCase('9110-14.3', 'files say that there are ranges of bytes', async (scene) => {
    for (const file of WITH_BYTES)
      for (const fields of [{}, { Range: 'bytes=0-1' }])
        expect((await get(scene, file, fields)).fields['accept-ranges']).toBe('bytes');
    const listing = await scene.client.ask(FOLDER, { Range: 'bytes=0-1' });
    expect([listing.status, listing.fields['accept-ranges'] ?? 'none']).toEqual([200, 'none']);
  }),
  httpCase('9110-14.4', 'Content-Range stands where a range is sent or refused, nowhere else', async (scene) => {
    for (const fields of [{}, { 'If-None-Match': '*' }, { 'If-Match': '"x"' }])
      expect((await get(scene, DIGITS, fields)).fields['content-range']).toBeUndefined();
  }),
];

export const partialCases: readonly HttpCase[] = [
  httpCase('9110-15.3.7-a', 'a 206 has the fields of a 200 that identify and keep the content', async (scene) => {
    for (const file of WITH_BYTES) {
      const whole = await get(scene, file);
      for (const range of ['bytes=0-1', 'bytes=0-1,4-5']) {
        const part = await get(scene, file, { Range: range });
        expect(part.status).toBe(206);
        for (const name of ['cache-control', 'etag', 'expires', 'content-location', 'vary', 'last-modified'])
          expect([name, part.fields[name]]).toEqual([name, whole.fields[name]]);
        expect(part.fields['date']).toBeDefined();
      }
    }
  }),
  httpCase('9110-15.3.7-b', 'without If-Range, a 206 has all that describes the representation', async (scene) => {
    for (const file of WITH_BYTES) {
      const [whole, part] = [await get(scene, file), await get(scene, file, { Range: 'bytes=0-1' })];
      const ofMessage = ['content-length', 'date', 'connection', 'keep-alive'];
      for (const name of Object.keys(whole.fields).filter((one) => !ofMessage.includes(one)))
        expect([name, part.fields[name]]).toEqual([name, whole.fields[name]]);
    }
  }),
  httpCase('9110-15.3.7-c', 'with If-Range, a 206 leaves out what the client has from before', async (scene) => {
    const tag = await tagOf(scene, DIGITS.path);
    const { status, fields } = await get(scene, DIGITS, { Range: 'bytes=0-1', 'If-Range': tag });
    expect(status).toBe(206);
    expect([fields['content-type'], fields['last-modified']]).toEqual([undefined, undefined]);
  }),
  httpCase('9110-15.3.7-d', 'Content-Length of a 206 is that of its content', async (scene) => {
    for (const file of WITH_BYTES)
      for (const range of ['bytes=1-3', 'bytes=1-3,5-6']) {
        const { fields, body } = await get(scene, file, { Range: range });
        expect(fields['content-length']).toBe(String(body.length));
      }
  }),
  httpCase('9110-15.3.7.1', 'one range is sent as it is, with Content-Range, and never as multipart', async (scene) => {
    for (const file of WITH_BYTES)
      for (const range of ['bytes=1-3', 'bytes=-3', 'bytes=1-3,', `bytes=1-3,${file.content.length}-`]) {
        const { status, fields } = await get(scene, file, { Range: range });
        expect([status, fields['content-range']]).toEqual([206, expect.stringMatching(/^bytes \d+-\d+\/\d+$/)]);
        expect(fields['content-type']).not.toMatch(/^multipart/);
      }
  }),
  httpCase('9110-15.3.7.2-a', 'several ranges are multipart/byteranges with a boundary', async (scene) => {
    for (const file of WITH_BYTES) {
      const answer = await get(scene, file, { Range: 'bytes=1-3,5-6' });
      expect([answer.status, partsOf(answer).length]).toEqual([206, 2]);
    }
  }),
  httpCase('9110-15.3.7.2-b', 'an answer of several parts has no Content-Range of its own', async (scene) => {
    for (const file of WITH_BYTES)
      expect((await get(scene, file, { Range: 'bytes=1-3,5-6' })).fields['content-range']).toBeUndefined();
  }),
  httpCase('9110-15.3.7.2-c', 'each part has its Content-Range and its bytes', async (scene) => {
    for (const file of WITH_BYTES) {
      const { content } = file;
      const end = content.length - 1;
      const parts = partsOf(await get(scene, file, { Range: `bytes=1-3,5-6,${end}-` }));
      expect(parts.map(({ range }) => range)).toEqual(
        ['1-3', '5-6', `${end}-${end}`].map((range) => `bytes ${range}/${content.length}`),
      );
      expect(Buffer.concat(parts.map(({ bytes }) => bytes))).toEqual(
        Buffer.concat([content.subarray(1, 4), content.subarray(5, 7), content.subarray(-1)]),
      );
    }
  }),
  httpCase('9110-15.3.7.2-d', 'each part has the Content-Type of the whole', async (scene) => {
    for (const file of WITH_BYTES) {
      const type = (await get(scene, file)).fields['content-type'];
      for (const { fields } of partsOf(await get(scene, file, { Range: 'bytes=1-3,5-6' })))
        expect(/^content-type: (.*)$/im.exec(fields)?.[1]?.trim()).toBe(type);
    }
  }),
  httpCase('9110-15.3.7.2-e', 'parts are sent in the order in which they were asked for', async (scene) => {
    const parts = partsOf(await get(scene, DIGITS, { Range: 'bytes=8-9,0-1,4-5' }));
    expect(parts.map(({ bytes }) => bytes.toString())).toEqual(['89', '01', '45']);
  }),
  httpCase('9110-15.3.7.2-f', 'of several ranges those count that can be satisfied', async (scene) => {
    const parts = partsOf(await get(scene, DIGITS, { Range: 'bytes=0-1,20-30,4-5' }));
    expect(parts.map(({ bytes }) => bytes.toString())).toEqual(['01', '45']);
  }),
  httpCase('9110-15.3.7.3', 'ranges of the same strong validator can be put together', async (scene) => {
    for (const file of WITH_BYTES) {
      const tag = await tagOf(scene, file.path);
      const half = Math.floor(file.content.length / 2);
      const first = await get(scene, file, { Range: `bytes=0-${half - 1}` });
      const second = await get(scene, file, { Range: `bytes=${half}-`, 'If-Range': tag });
      expect([first.fields['etag'], second.fields['etag'], second.status]).toEqual([tag, tag, 206]);
      expect(Buffer.concat([first.body, second.body]).equals(file.content)).toBe(true);
    }
  }),
  httpCase(
    '9110-15.4.5-a',
    'a 304 has what a 200 has of Cache-Control, ETag, Expires, Vary and a date',
    async (scene) => {
      for (const path of [DIGITS.path, LARGE.path, FOLDER]) {
        const whole = await scene.client.ask(path);
        const same = await scene.client.ask(path, { 'If-None-Match': whole.fields['etag'] ?? '' });
        expect(same.status).toBe(304);
        for (const name of ['cache-control', 'content-location', 'etag', 'expires', 'vary'])
          expect([name, same.fields[name]]).toEqual([name, whole.fields[name]]);
        expect(same.fields['date']).toBeDefined();
      }
    },
  ),
  httpCase('9110-15.4.5-b', 'a 304 has nothing else that describes the content', async (scene) => {
    for (const fields of [{ 'If-None-Match': '*' }, { 'If-Modified-Since': dateOf(FILE_TIME) }]) {
      const same = await get(scene, DIGITS, fields);
      for (const name of ['content-type', 'content-encoding', 'content-language', 'content-range', 'accept-ranges'])
        expect([name, same.fields[name]]).toEqual([name, undefined]);
    }
  }),
  httpCase('9110-15.5.17-a', 'a 416 says how long the file is', async (scene) => {
    for (const file of WITH_BYTES)
      for (const range of [`bytes=${file.content.length}-`, 'bytes=-0', 'bytes=999999-,999999-'])
        expect((await get(scene, file, { Range: range })).fields['content-range']).toBe(
          `bytes */${file.content.length}`,
        );
  }),
  httpCase('9110-15.5.17-b', 'of an empty file a range is refused or ignored', async (scene) => {
    for (const range of ['bytes=0-', 'bytes=0-0', 'bytes=-1']) {
      const { status, body } = await scene.client.ask(EMPTY.path, { Range: range });
      if (status === 200) expect(body.length).toBe(0);
      else expect(status).toBe(416);
    }
  }),
];
