import { expect } from 'vitest';
import { bytesOf, contentOf, type Content } from '../../fixtures/image-builder.js';
import { contractCase, type Scene } from './case.js';
import { expectBytes, expectHeadError, expectStatus } from './client.js';

const SIZE = 10_000;

/** Row 2 with Range (RFC 9110 section 14). */
export const blobRangeCases = [
  ...(
    [
      ['first', 'bytes=0-99', 0, 99],
      ['middle', 'bytes=500-1499', 500, 1499],
      ['one', 'bytes=7-7', 7, 7],
      ['open', 'bytes=9000-', 9000, 9999],
      ['suffix', 'bytes=-100', 9900, 9999],
      ['suffix-longer', 'bytes=-20000', 0, 9999],
      ['beyond', 'bytes=9990-99999', 9990, 9999],
      ['whole', 'bytes=0-', 0, 9999],
    ] as const
  ).map(([id, range, first, last]) =>
    contractCase(`row-2-range-${id}`, `Range: ${range} is bytes ${first} to ${last}`, async (scene) => {
      const { blob, get } = await pushed(scene, id);
      const answer = await get({ range });
      expectStatus(answer, 206);
      expectBytes(answer, blob.bytes.subarray(first, last + 1));
      expect(answer.headers).toMatchObject({
        'content-range': `bytes ${first}-${last}/${SIZE}`,
        'content-length': String(last + 1 - first),
      });
    }),
  ),

  ...(
    [
      ['after', 'bytes=10000-'],
      ['far', 'bytes=10001-10002'],
      ['no-suffix', 'bytes=-0'],
    ] as const
  ).map(([id, range]) =>
    contractCase(`row-2-416-${id}`, `Range: ${range} cannot be had`, async (scene) => {
      const { get } = await pushed(scene, id);
      const answer = await get({ range });
      expectStatus(answer, 416);
      expect(answer.headers['content-range']).toBe(`bytes */${SIZE}`);
    }),
  ),

  ...['bytes=5-3', 'bytes=a-b', 'bytes', 'bytes=0-1;2', 'bytes=-'].map((range, index) =>
    contractCase(`row-2-range-invalid-${index + 1}`, `Range: ${range} is ignored or refused`, async (scene) => {
      const { blob, get } = await pushed(scene, `invalid-${index}`);
      const answer = await get({ range });
      expectStatus(answer, 200, 400, 416);
      if (answer.status === 200) expectBytes(answer, blob.bytes);
    }),
  ),

  contractCase('row-2-range-unit', 'a Range in a unit that nobody knows is ignored', async (scene) => {
    const { blob, get } = await pushed(scene, 'unit');
    const answer = await get({ range: 'lines=0-1' });
    expectStatus(answer, 200);
    expectBytes(answer, blob.bytes);
  }),

  contractCase('row-2-range-several', 'several ranges are sent in parts, or the whole blob is', async (scene) => {
    const { blob, get } = await pushed(scene, 'several');
    const answer = await get({ range: 'bytes=0-1,10-11' });
    expectStatus(answer, 200, 206);
    if (answer.status === 200) return expectBytes(answer, blob.bytes);
    expect(answer.headers['content-type']).toMatch(/^multipart\/byteranges; boundary=/);
    expect(answer.body.includes(`bytes 10-11/${SIZE}`)).toBe(true);
  }),

  contractCase('row-2-if-range', 'If-Range gives a part of the same blob only', async (scene) => {
    const { blob, get } = await pushed(scene, 'if-range');
    const etag = (await get({})).headers.etag ?? '';
    expectStatus(await get({ range: 'bytes=0-9', 'if-range': etag }), 206);
    const other = await get({ range: 'bytes=0-9', 'if-range': '"other"' });
    expectStatus(other, 200);
    expectBytes(other, blob.bytes);
  }),

  contractCase('row-2-range-not-modified', 'If-None-Match comes before Range', async (scene) => {
    const { get } = await pushed(scene, 'not-modified');
    const etag = (await get({})).headers.etag ?? '';
    expectStatus(await get({ range: 'bytes=0-9', 'if-none-match': etag }), 304);
  }),

  contractCase('row-2-head-range', 'HEAD does not know Range', async (scene) => {
    const { path } = await pushed(scene, 'head');
    const answer = await scene.client.head(path, { range: 'bytes=0-9' });
    expectHeadError(answer, 200);
    expect(answer.headers['content-length']).toBe(String(SIZE));
  }),

  contractCase('row-2-range-sum', 'parts that are read at the same time make the blob', async (scene) => {
    const { blob, get } = await pushed(scene, 'sum');
    const starts = Array.from({ length: 10 }, (_, index) => index * 1000);
    const parts = await Promise.all(starts.map((start) => get({ range: `bytes=${start}-${start + 999}` })));
    expect(Buffer.concat(parts.map(({ body }) => body)).equals(blob.bytes)).toBe(true);
  }),
];

async function pushed({ client, repository }: Scene, seed: string) {
  const blob: Content = contentOf('', bytesOf(`range ${seed}`, SIZE));
  await client.pushBlob(repository(), blob);
  const path = `/v2/${repository()}/blobs/${blob.digest}`;
  return { blob, path, get: (headers: Record<string, string>) => client.get(path, headers) };
}
