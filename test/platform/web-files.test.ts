import type { LookupFunction } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebFiles, type WebFileRequest } from '../../platform/web-files.js';
import { startWebServer } from '../sync/upstreams/oci/registry-scene.js';

const get: WebFileRequest = { method: 'GET', largest: 1000, signal: new AbortController().signal };

/** Names all hosts 127.0.0.1, but `inside.example` and its like, which are what they are. */
function filesOf(addresses: Readonly<Record<string, string>> = {}): WebFiles {
  const lookup: LookupFunction = (host, options, callback) => {
    const address = addresses[host] ?? '127.0.0.1';
    if (options.all) callback(null, [{ address, family: 4 }]);
    else callback(null, address, 4);
  };
  const files = new WebFiles({ lookup });
  onTestFinished(() => files.close());
  return files;
}

describe('WebFiles.read', () => {
  test('brings the content and the time of the last change', async () => {
    const server = await startWebServer((_, response) => {
      response.setHeader('last-modified', 'Wed, 25 Nov 2026 12:00:00 GMT').end('1516392227\n');
    });
    const files = filesOf();
    const url = new URL(`${server.url}/a`);
    const modifiedAt = Date.UTC(2026, 10, 25, 12);
    expect(await files.read(url, get)).toEqual({ content: Buffer.from('1516392227\n'), modifiedAt });
    expect(await files.read(url, { ...get, method: 'HEAD' })).toEqual({ content: Buffer.alloc(0), modifiedAt });
    expect(server.asked.map(({ method }) => method)).toEqual(['GET', 'HEAD']);
    expect(server.asked[0]?.headers['accept-encoding']).toBe('identity');
  });

  test.each([404, 410])('is null where the status is %i', async (status) => {
    const server = await startWebServer((_, response) => void response.writeHead(status).end('no'));
    expect(await filesOf().read(new URL(server.url), get)).toBeNull();
  });

  test.each([
    [403, 'x', /answers with status 403$/],
    [503, 'x', /answers with status 503$/],
    [200, 'x'.repeat(1001), /sends more than 1000 bytes$/],
  ])('fails where the status is %i with so many bytes', async (status, body, message) => {
    const server = await startWebServer((_, response) => void response.writeHead(status).end(body));
    await expect(filesOf().read(new URL(server.url), get)).rejects.toThrow(message);
  });

  test('follows redirects, five of them', async () => {
    const server = await startWebServer(({ url }, response) => {
      if (url === '/5') response.end('here');
      else response.writeHead(302, { location: `/${Number(url.slice(1)) + 1}` }).end();
    });
    expect((await filesOf().read(new URL(`${server.url}/0`), get))?.content.toString()).toBe('here');
    await expect(filesOf().read(new URL(`${server.url}/-1`), get)).rejects.toThrow('redirects again and again');
  });

  test('is not led from a public host to a private one, but from a private one', async () => {
    const inside = await startWebServer((_, response) => void response.end('secret'));
    const server = await startWebServer((_, response) => {
      response.writeHead(302, { location: `http://inside.example:${inside.port}/` }).end();
    });
    const from = (host: string): URL => new URL(`http://${host}:${server.port}/`);
    const read = await filesOf().read(from('intranet.example'), get);
    expect(read?.content.toString()).toBe('secret');

    // asked of for the connection it is here, asked of again it is one of the public internet
    let isAsked = false;
    const lookup: LookupFunction = (host, options, callback) => {
      const address = host === 'public.example' && isAsked ? '198.41.0.4' : '127.0.0.1';
      isAsked = true;
      if (options.all) callback(null, [{ address, family: 4 }]);
      else callback(null, address, 4);
    };
    const files = new WebFiles({ lookup });
    onTestFinished(() => files.close());
    await expect(files.read(from('public.example'), get)).rejects.toMatchObject({ fault: 'private-address' });
    expect(inside.asked).toHaveLength(1);
  });

  test('ends with its signal', async () => {
    const server = await startWebServer(() => undefined);
    const controller = new AbortController();
    const reading = filesOf().read(new URL(server.url), { ...get, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
  });
});
