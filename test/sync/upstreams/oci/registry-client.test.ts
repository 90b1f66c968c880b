import { createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { digestOf } from '../../../../core/oci/digest.js';
import { LARGEST_MANIFEST } from '../../../../core/oci/manifest.js';
import { DOCKER_MANIFEST, MANIFEST_ACCEPT, OCI_INDEX, OCI_MANIFEST } from '../../../../core/oci/media-types.js';
import { failureClassOf } from '../../../../sync/upstreams/oci/registry-failure.js';
import { asking, clientOf, failureOf, json, startWebServer } from './registry-scene.js';

const BYTES = Buffer.from('{\n "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json" }');
const DIGEST = digestOf(BYTES);
const TYPE = { 'content-type': OCI_MANIFEST };

describe('headManifest', () => {
  it('tells digest, type and size, for no pull', async () => {
    const server = await startWebServer((_, response) => {
      response.writeHead(200, { ...TYPE, 'docker-content-digest': DIGEST, 'content-length': BYTES.length }).end();
    });
    const { client, budget, clock } = clientOf(server.url, { budget: { pulls: 1, window: 60 } });
    for (let i = 0; i < 5; i++)
      expect(await client.headManifest('library/debian', '12', asking())).toEqual({
        digest: DIGEST,
        mediaType: OCI_MANIFEST,
        size: BYTES.length,
      });
    expect(server.asked[0]).toMatchObject({ method: 'HEAD', url: '/v2/library/debian/manifests/12' });
    expect(server.asked[0]?.headers).toMatchObject({ accept: MANIFEST_ACCEPT, 'user-agent': 'millpond' });
    expect(budget.state(clock.now).remaining).toBe(1);
  });

  it('says null of what the registry does not tell', async () => {
    const server = await startWebServer((_, response) => {
      response.writeHead(200, { 'docker-content-digest': 'sha256:short', 'transfer-encoding': 'chunked' }).end();
    });
    const head = await clientOf(server.url).client.headManifest('a', 'b', asking());
    expect(head).toEqual({ digest: null, mediaType: '', size: null });
  });

  it.each([405, 501, 404])('falls back to GET after %i, and then asks by GET at once', async (status) => {
    const server = await startWebServer(({ method }, response) => {
      if (method === 'HEAD') response.writeHead(status).end();
      else response.writeHead(200, TYPE).end(BYTES);
    });
    const { client } = clientOf(server.url);
    const expected = { digest: DIGEST, mediaType: OCI_MANIFEST, size: BYTES.length };
    expect(await client.headManifest('a', 'b', asking())).toEqual(expected);
    expect(await client.headManifest('a', 'c', asking())).toEqual(expected);
    expect([server.count('HEAD'), server.count('GET')]).toEqual([1, 2]);
  });

  it('believes a 404 once HEAD has found something', async () => {
    const server = await startWebServer(({ url }, response) => {
      response.writeHead(url.endsWith('/gone') ? 404 : 200, TYPE).end();
    });
    const { client } = clientOf(server.url);
    await client.headManifest('a', 'here', asking());
    const failure = await failureOf(client.headManifest('a', 'gone', asking()));
    expect(failure).toMatchObject({ kind: 'not-found', status: 404, message: 'docker.io does not have a:gone' });
    expect(server.count('GET')).toBe(0);
  });
});

describe('HEAD that has worked', () => {
  it('is tried again after a registry did not want it once', async () => {
    let status = 200;
    const server = await startWebServer(({ method }, response) => {
      if (method === 'GET') return void response.writeHead(200, TYPE).end(BYTES);
      response.writeHead(status, { ...TYPE, 'docker-content-digest': DIGEST }).end();
    });
    const { client } = clientOf(server.url);
    for (status of [200, 400, 200]) await client.headManifest('a', 'b', asking());
    expect([server.count('HEAD'), server.count('GET')]).toEqual([3, 1]);
  });
});

describe('getManifest', () => {
  it('is no pull where nothing is there', async () => {
    const server = await startWebServer((_, response) => void response.writeHead(404).end());
    const { client, budget, clock } = clientOf(server.url, { budget: { pulls: 2, window: 60 } });
    for (let i = 0; i < 5; i++)
      expect(await failureOf(client.getManifest('a', DIGEST, asking('on-demand')))).toMatchObject({
        kind: 'not-found',
      });
    expect(budget.state(clock.now).remaining).toBe(2);
  });

  it('gives the bytes as they were sent', async () => {
    const server = await startWebServer((_, response) => {
      response.writeHead(200, { 'content-type': `${OCI_MANIFEST}; charset=utf-8`, 'docker-content-digest': DIGEST });
      response.end(BYTES);
    });
    const found = await clientOf(server.url).client.getManifest('library/debian', '12', asking());
    expect(found).toEqual({ digest: DIGEST, mediaType: OCI_MANIFEST, bytes: BYTES });
    expect(server.asked[0]?.headers['accept-encoding']).toBe('identity');
  });

  it('hashes with the algorithm of the digest that was asked for', async () => {
    const server = await startWebServer((_, response) => void response.writeHead(200, TYPE).end(BYTES));
    const digest = digestOf(BYTES, 'sha512');
    expect(await clientOf(server.url).client.getManifest('a', digest, asking())).toMatchObject({ digest });
  });

  it.each(['', 'application/json', 'text/plain'])(
    'reads the type from the manifest when it came as %j',
    async (type) => {
      const server = await startWebServer((_, response) => {
        response.writeHead(200, type === '' ? {} : { 'content-type': type }).end(BYTES);
      });
      expect(await clientOf(server.url).client.getManifest('a', 'b', asking())).toMatchObject({
        mediaType: OCI_MANIFEST,
      });
    },
  );

  it.each([
    ['by another digest', digestOf('other'), {}],
    ['with another digest', '12', { 'docker-content-digest': digestOf('other') }],
    ['with no digest as one', '12', { 'docker-content-digest': 'md5:x' }],
    ['with another sha512', '12', { 'docker-content-digest': digestOf('other', 'sha512') }],
  ])('refuses bytes that came %s', async (_, reference, headers) => {
    const server = await startWebServer(
      (_, response) => void response.writeHead(200, { ...TYPE, ...headers }).end(BYTES),
    );
    const failure = await failureOf(clientOf(server.url).client.getManifest('a', reference, asking()));
    expect(failure).toMatchObject({ kind: 'invalid' });
    expect(failure.message).toContain('with other bytes than their digest says');
    expect(failureClassOf(failure)).toBe('partial');
  });

  it.each([true, false])('refuses one that is too large, whether it says so: %s', async (says) => {
    const server = await startWebServer((_, response) => {
      const length = says ? { 'content-length': LARGEST_MANIFEST + 1 } : {};
      response.writeHead(200, { ...TYPE, ...length }).end(Buffer.alloc(LARGEST_MANIFEST + 1));
    });
    const failure = await failureOf(clientOf(server.url).client.getManifest('a', 'b', asking()));
    expect(failure).toMatchObject({ kind: 'invalid' });
    expect(failure.message).toContain('more than 4194304 bytes');
  });

  it.each([
    [403, 'denied', 'refused', 'docker.io refuses access to a:b'],
    [404, 'not-found', 'refused', 'docker.io does not have a:b'],
    [429, 'rate-limited', 'refused', 'docker.io has had too many requests'],
    [500, 'unavailable', 'connect', 'docker.io answered 500 for a:b'],
    [418, 'invalid', 'partial', 'docker.io answered 418 for a:b, which makes no sense'],
    [401, 'unauthorized', 'refused', 'docker.io wants a login of a kind that is not known here'],
  ])('makes a failure of %i', async (status, kind, failureClass, message) => {
    const server = await startWebServer((_, response) => void response.writeHead(status).end('a secret'));
    const failure = await failureOf(clientOf(server.url).client.getManifest('a', 'b', asking()));
    expect(failure).toMatchObject({ kind, status, message });
    expect(failureClassOf(failure)).toBe(failureClass);
  });

  it.each(['../x', 'A', 'a/../b', ''])('never asks for the repository %j', async (repository) => {
    const server = await startWebServer((_, response) => void response.end());
    const { client } = clientOf(server.url);
    expect(await failureOf(client.getManifest(repository, 'b', asking()))).toMatchObject({ kind: 'invalid' });
    expect(await failureOf(client.getManifest('a', '../b', asking()))).toMatchObject({ kind: 'invalid' });
    expect(server.asked).toEqual([]);
  });

  it('ends with the reason of the signal', async () => {
    const server = await startWebServer(() => undefined);
    const stop = new AbortController();
    const work = clientOf(server.url).client.getManifest('a', 'b', { signal: stop.signal, urgency: 'sync' });
    await expect.poll(() => server.asked.length).toBe(1);
    stop.abort(new Error('the run was cancelled'));
    await expect(work).rejects.toThrow('the run was cancelled');
  });
});

describe('what goes wrong below HTTP', () => {
  it('is connect where nothing listens', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const failure = await failureOf(clientOf(`http://127.0.0.1:${port}`).client.ping(asking()));
    expect(failure).toMatchObject({ kind: 'connect', status: null });
    expect(failure.message).toBe('docker.io cannot be reached (ECONNREFUSED)');
  });

  it('is dns where the name does not exist', async () => {
    const { client } = clientOf('http://registry.example', {
      lookup: (_, __, callback) => callback(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), ''),
    });
    const failure = await failureOf(client.ping(asking()));
    expect(failure).toMatchObject({ kind: 'dns' });
    expect(failureClassOf(failure)).toBe('dns');
  });

  it('is timeout where no answer comes, or only the beginning of one', async () => {
    const server = await startWebServer(({ url }, response) => {
      if (url !== '/v2/') response.writeHead(200, TYPE).write('{');
    });
    const { client } = clientOf(server.url, { timeouts: { headers: 300, bodyIdle: 300 } });
    expect(await failureOf(client.ping(asking()))).toMatchObject({ kind: 'timeout' });
    expect(await failureOf(client.getManifest('a', 'b', asking()))).toMatchObject({ kind: 'timeout' });
  });

  it('is connect where it breaks off, and invalid where it is not HTTP', async () => {
    const answers = ['', 'SSH-2.0-OpenSSH\r\n'];
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).once('data', () => socket.end(answers.shift() ?? ''));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { client } = clientOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(await failureOf(client.ping(asking()))).toMatchObject({ kind: 'connect' });
    expect(await failureOf(client.ping(asking()))).toMatchObject({ kind: 'invalid' });
  });
});

describe('listTags', () => {
  it('follows the pages of its own origin, and leaves out what is no tag', async () => {
    const server = await startWebServer(({ url }, response) => {
      if (url === '/v2/a/b/tags/list?n=1000')
        json(response, { tags: ['1', '../x', 7, '2'] }, { link: '</v2/a/b/tags/list?n=1000&last=2>; rel="next"' });
      else json(response, { tags: ['2', '3'] }, { link: '<https://elsewhere.example/v2/>; rel="next"' });
    });
    expect(await clientOf(server.url).client.listTags('a/b', asking())).toEqual(['1', '2', '3']);
    expect(server.asked).toHaveLength(2);
  });

  it('takes null for none', async () => {
    const server = await startWebServer((_, response) => json(response, { name: 'a', tags: null }));
    expect(await clientOf(server.url).client.listTags('a', asking())).toEqual([]);
  });

  it('ends with pages that never do', async () => {
    const server = await startWebServer(({ url }, response) =>
      json(response, { tags: [] }, { link: `<${url}>; rel=next` }),
    );
    const failure = await failureOf(clientOf(server.url).client.listTags('a', asking()));
    expect(failure).toMatchObject({ kind: 'invalid', message: 'docker.io does not come to the end of the tags of a' });
    expect(server.asked).toHaveLength(1);
  });

  it('refuses more tags than anybody has, and what is no list', async () => {
    const tags = Array.from({ length: 100_001 }, (_, index) => `t${index}`);
    const server = await startWebServer(({ url }, response) => json(response, url.includes('/a/') ? { tags } : []));
    const { client } = clientOf(server.url);
    expect(await failureOf(client.listTags('a', asking()))).toMatchObject({ kind: 'invalid' });
    expect(await failureOf(client.listTags('b', asking()))).toMatchObject({ kind: 'invalid' });
  });
});

describe('referrers', () => {
  const signature = {
    mediaType: OCI_MANIFEST,
    digest: digestOf('signature'),
    size: 9,
    artifactType: 'application/vnd.example.signature',
    annotations: { by: 'us' },
  };
  const plain = { mediaType: OCI_MANIFEST, digest: digestOf('plain'), size: 5 };
  const index = (...manifests: unknown[]) => ({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
  const type = { 'content-type': OCI_INDEX };

  it('reads the pages of the API', async () => {
    const next = `/v2/a/referrers/${DIGEST}?page=2`;
    const server = await startWebServer(({ url }, response) => {
      if (url === next) json(response, index(plain, { digest: 'none' }), type);
      else json(response, index(signature), { ...type, link: `<${next}>; rel="next"` });
    });
    expect(await clientOf(server.url).client.referrers('a', DIGEST, asking())).toEqual([
      signature,
      { ...plain, artifactType: null, annotations: null },
    ]);
  });

  it.each([404, 405, 200])('falls back to the tag where the API answers %i', async (status) => {
    const tag = `/v2/a/manifests/${DIGEST.replace(':', '-')}`;
    const server = await startWebServer(({ url }, response) => {
      if (url === tag) json(response, index(signature), type);
      else response.writeHead(status, { 'content-type': 'text/html' }).end('<html>');
    });
    expect(await clientOf(server.url).client.referrers('a', DIGEST, asking())).toEqual([signature]);
    expect([server.count('HEAD', tag), server.count('GET', tag)]).toEqual([1, 1]);
  });

  it('finds none where neither is there, or the tag is something else', async () => {
    const server = await startWebServer(({ url }, response) => {
      if (url.startsWith('/v2/b/manifests/')) response.writeHead(200, { 'content-type': DOCKER_MANIFEST }).end('{}');
      else response.writeHead(404).end();
    });
    expect(await clientOf(server.url).client.referrers('a', DIGEST, asking())).toEqual([]);
    expect(await clientOf(server.url).client.referrers('b', DIGEST, asking())).toEqual([]);
  });

  it('does not take a fault for none', async () => {
    const server = await startWebServer((_, response) => void response.writeHead(502).end());
    const failure = await failureOf(clientOf(server.url).client.referrers('a', DIGEST, asking()));
    expect(failure).toMatchObject({ kind: 'unavailable', status: 502 });
  });
});
