import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../../core/oci/digest.js';
import type { RemoteBlob } from '../../../../sync/upstreams/oci/registry-blob.js';
import { parseContentRange } from '../../../../sync/upstreams/oci/registry-body.js';
import { asking, clientOf, failureOf, startWebServer } from './registry-scene.js';

const BYTES = Buffer.from('0123456789'.repeat(1000));
const DIGEST = digestOf(BYTES);

async function read(blob: RemoteBlob): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of blob.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** A registry with one blob, that resumes. */
function startBlobServer() {
  return startWebServer(({ headers }, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    if (from >= BYTES.length) return void response.writeHead(416).end();
    const range = { 'content-range': `bytes ${from}-${BYTES.length - 1}/${BYTES.length}` };
    const length = { 'content-length': BYTES.length - from };
    response.writeHead(from > 0 ? 206 : 200, { ...length, ...(from > 0 ? range : {}) }).end(BYTES.subarray(from));
  });
}

describe('openBlob', () => {
  it('gives all of a blob', async () => {
    const server = await startBlobServer();
    const blob = await clientOf(server.url).client.openBlob('a/b', DIGEST, { ...asking(), expectedSize: BYTES.length });
    expect(blob).toMatchObject({ size: BYTES.length, from: 0 });
    expect(await read(blob)).toBe(BYTES.toString());
    expect(server.asked[0]).toMatchObject({ method: 'GET', url: `/v2/a/b/blobs/${DIGEST}` });
    expect(server.asked[0]?.headers).toMatchObject({ 'accept-encoding': 'identity' });
    expect(server.asked[0]?.headers).not.toHaveProperty('range');
  });

  it('resumes by Range', async () => {
    const server = await startBlobServer();
    const blob = await clientOf(server.url).client.openBlob('a/b', DIGEST, { ...asking(), from: 9990 });
    expect(blob).toMatchObject({ size: BYTES.length, from: 9990 });
    expect(await read(blob)).toBe('0123456789');
  });

  it('begins anew where the Range was ignored, or cannot be satisfied', async () => {
    const ignoring = await startWebServer((_, response) => void response.end(BYTES));
    const ignored = await clientOf(ignoring.url).client.openBlob('a', DIGEST, { ...asking(), from: 10 });
    expect([ignored.from, (await read(ignored)).length]).toEqual([0, BYTES.length]);
    const server = await startBlobServer();
    const beyond = await clientOf(server.url).client.openBlob('a', DIGEST, { ...asking(), from: BYTES.length });
    expect([beyond.from, (await read(beyond)).length]).toEqual([0, BYTES.length]);
  });

  it.each(['bytes 0-9999/10000', 'bytes 11-9999/10000', 'bytes 10-9999/9999', 'pages 10-20/30', ''])(
    'refuses another part, as %j',
    async (range) => {
      const server = await startWebServer((_, response) => {
        response.writeHead(206, { 'content-range': range }).end(BYTES);
      });
      const failure = await failureOf(clientOf(server.url).client.openBlob('a', DIGEST, { ...asking(), from: 10 }));
      expect(failure.message).toBe(`docker.io sends another part of the blob ${DIGEST} of a than was asked for`);
    },
  );

  it('asks for all of it after another part than it wanted', async () => {
    const server = await startWebServer(({ headers }, response) => {
      if (headers.range === undefined) return void response.end(BYTES);
      response.writeHead(206, { 'content-range': 'bytes 0-9999/10000' }).end(BYTES);
    });
    const { client } = clientOf(server.url);
    const blob = await client.openBlob('a', DIGEST, { ...asking(), from: 10 });
    expect([blob.from, (await read(blob)).length]).toEqual([0, BYTES.length]);
    expect(server.count('GET')).toBe(2);
  });

  it('refuses another size than the manifest says', async () => {
    const server = await startBlobServer();
    const { client } = clientOf(server.url);
    for (const from of [0, 5]) {
      const failure = await failureOf(client.openBlob('a', DIGEST, { ...asking(), from, expectedSize: 42 }));
      expect(failure).toMatchObject({ kind: 'invalid' });
      expect(failure.message).toContain('has 10000 bytes');
    }
  });

  it.each([
    ['more', 9_999, 'sends more bytes than'],
    ['fewer', 10_001, '1 bytes too early'],
  ])('does not give %s bytes than expected where no length was told', async (_, expectedSize, message) => {
    const server = await startWebServer((_, response) => {
      response.write(BYTES.subarray(0, 5000));
      response.end(BYTES.subarray(5000));
    });
    const blob = await clientOf(server.url).client.openBlob('a', DIGEST, { ...asking(), expectedSize });
    expect(blob.size).toBeNull();
    const failure = await failureOf(read(blob));
    expect(failure).toMatchObject({ kind: 'invalid' });
    expect(failure.message).toContain(message);
  });

  it('fails in the body where the registry breaks off', async () => {
    const server = await startWebServer((_, response) => {
      response
        .writeHead(200, { 'content-length': BYTES.length })
        .write(BYTES.subarray(0, 10), () => response.destroy());
    });
    const blob = await clientOf(server.url).client.openBlob('a', DIGEST, asking());
    expect(await failureOf(read(blob))).toMatchObject({ kind: 'connect' });
  });

  it('fails in the body where nothing comes any more', async () => {
    const server = await startWebServer((_, response) => {
      response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 10));
    });
    const { client } = clientOf(server.url, { timeouts: { bodyIdle: 300 } });
    expect(await failureOf(read(await client.openBlob('a', DIGEST, asking())))).toMatchObject({ kind: 'timeout' });
  });

  it('ends the body with the reason of the signal', async () => {
    const server = await startWebServer((_, response) => {
      response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 10));
    });
    const stop = new AbortController();
    const options = { signal: stop.signal, urgency: 'on-demand' as const };
    const work = read(await clientOf(server.url).client.openBlob('a', DIGEST, options));
    stop.abort(new Error('no longer wanted'));
    await expect(work).rejects.toThrow('no longer wanted');
  });

  it('can be destroyed unread, or left in the middle', async () => {
    const server = await startBlobServer();
    const { client } = clientOf(server.url);
    (await client.openBlob('a', DIGEST, asking())).destroy();
    const blob = await client.openBlob('a', DIGEST, asking());
    for await (const chunk of blob.body) if (chunk.length > 0) break;
    expect(await read(await client.openBlob('a', DIGEST, asking()))).toHaveLength(BYTES.length);
  });
});

describe('parseContentRange', () => {
  it('reads a range with and without a size', () => {
    expect(parseContentRange('bytes 1-2/3')).toEqual({ first: 1, last: 2, size: 3 });
    expect(parseContentRange(' Bytes 1-2/* ')).toEqual({ first: 1, last: 2, size: null });
  });

  it.each([undefined, '', 'bytes */3', 'bytes 2-1/3', 'bytes 1-3/3', 'bytes 1-2', 'bytes=1-2/3'])(
    'does not read %j',
    (field) => {
      expect(parseContentRange(field)).toBeUndefined();
    },
  );
});
