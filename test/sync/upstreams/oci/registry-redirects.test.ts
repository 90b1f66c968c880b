import type { LookupFunction } from 'node:net';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../../core/oci/digest.js';
import { redirectTarget } from '../../../../platform/http-redirects.js';
import { failureClassOf } from '../../../../sync/upstreams/oci/registry-failure.js';
import { nextPage } from '../../../../sync/upstreams/oci/registry-redirects.js';
import { asking, clientOf, failureOf, json, startWebServer } from './registry-scene.js';

const DIGEST = digestOf('');

/** A registry that wants a token, and then redirects blobs to where `location` says. */
function startRedirecting(location: (url: string) => string) {
  const server = startWebServer(({ url, headers }, response) => {
    if (url.startsWith('/token')) return json(response, { token: 'opens-all' });
    if (headers.authorization === undefined)
      return void response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${headers.host}/token"` }).end();
    const target = location(url);
    if (target === '') response.end('here');
    else response.writeHead(307, { location: target }).end();
  });
  return server;
}

describe('redirects', () => {
  it('are followed to another origin with Range and without Authorization', async () => {
    const storage = await startWebServer((_, response) => {
      response.writeHead(206, { 'content-range': 'bytes 3-3/4' }).end('e');
    });
    const registry = await startRedirecting(() => `${storage.url}/bucket/blob?signature=secret`);
    const blob = await clientOf(registry.url).client.openBlob('a', DIGEST, { ...asking(), from: 3 });
    for await (const chunk of blob.body) expect(chunk.toString()).toBe('e');
    expect(storage.asked).toMatchObject([{ url: '/bucket/blob?signature=secret', headers: { range: 'bytes=3-' } }]);
    expect(storage.asked[0]?.headers).not.toHaveProperty('authorization');
  });

  it('within the origin keep Authorization', async () => {
    const registry = await startRedirecting((url) => (url === '/here' ? '' : '/here'));
    (await clientOf(registry.url).client.openBlob('a', DIGEST, asking())).destroy();
    expect(registry.asked.at(-1)).toMatchObject({ url: '/here', headers: { authorization: 'Bearer opens-all' } });
  });

  it('over another origin do not bring Authorization back', async () => {
    let registryUrl = '';
    const between = await startWebServer((_, response) => {
      response.writeHead(302, { location: `${registryUrl}/back` }).end();
    });
    const registry = await startRedirecting((url) => (url === '/back' ? '' : between.url));
    registryUrl = registry.url;
    const failure = await failureOf(clientOf(registry.url).client.openBlob('a', DIGEST, asking()));
    expect(failure).toMatchObject({ kind: 'unauthorized' });
    expect(registry.asked.at(-1)?.url).toBe('/back');
    expect(registry.asked.at(-1)?.headers).not.toHaveProperty('authorization');
  });

  it('to a storage that has nothing are a fault, and do not make the blob unknown', async () => {
    const storage = await startWebServer((_, response) => void response.writeHead(404).end());
    const registry = await startRedirecting(() => storage.url);
    const { client } = clientOf(registry.url);
    for (const work of [client.openBlob('a', DIGEST, asking()), client.getManifest('a', DIGEST, asking())])
      expect(await failureOf(work)).toMatchObject({ kind: 'unavailable', status: 404 });
  });

  it('are followed five times', async () => {
    const registry = await startRedirecting((url) => (url === '/5' ? '' : `/${Number(url.slice(1)) + 1 || 1}`));
    (await clientOf(registry.url).client.openBlob('a', DIGEST, asking())).destroy();
    const endless = await startRedirecting((url) => `${url}x`);
    const failure = await failureOf(clientOf(endless.url).client.openBlob('a', DIGEST, asking()));
    expect(failure).toMatchObject({ kind: 'denied' });
    expect(failure.message).toBe(`docker.io redirects again and again, when asked for the blob ${DIGEST} of a`);
    expect(endless.count('GET', '/v2/')).toBe(1 + 6);
  });

  it.each(['', 'ftp://127.0.0.1/x', 'http://us:secret@127.0.0.1/x', 'http://['])(
    'do not go to %j',
    async (location) => {
      const registry = await startWebServer((_, response) => void response.writeHead(302, { location }).end());
      const failure = await failureOf(clientOf(registry.url).client.openBlob('a', DIGEST, asking()));
      expect(failure).toMatchObject({ kind: 'denied' });
      expect(failureClassOf(failure)).toBe('refused');
      expect(failure.message).not.toContain('secret');
    },
  );

  it('that cannot be followed are told without their query', async () => {
    const registry = await startWebServer((_, response) => {
      response.writeHead(302, { location: 'http://storage.example/x?signature=secret' }).end();
    });
    const lookup: LookupFunction = (_, __, callback) =>
      callback(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), '');
    const failure = await failureOf(clientOf(registry.url, { lookup }).client.openBlob('a', DIGEST, asking()));
    expect(failure.message).toBe('docker.io leads to a name that cannot be resolved (ENOTFOUND)');
  });
});

describe('addresses that are not public', () => {
  /** Tells another address each time, like the name server of somebody who means ill. */
  const telling = (...addresses: string[]) => {
    const told: string[] = [];
    const lookup: LookupFunction = (_, options, callback) => {
      const address = addresses[told.length % addresses.length] ?? '';
      told.push(address);
      if (options.all) callback(null, [{ address, family: 4 }]);
      else callback(null, address, 4);
    };
    return { lookup, told };
  };

  it('are not connected to, by name or as they are', async () => {
    const server = await startWebServer((_, response) => void response.end('{}'));
    const guarded = { registry: { privateAddresses: false }, lookup: telling('127.0.0.1').lookup };
    for (const host of ['registry.example', 'localhost', '127.0.0.1', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]']) {
      const failure = await failureOf(clientOf(`http://${host}:${server.port}`, guarded).client.ping(asking()));
      expect(failure).toMatchObject({ kind: 'denied' });
      expect(failure.message).toBe('docker.io leads to where no address of the public internet is');
    }
    expect(server.asked).toEqual([]);
  });

  it('are asked about for the connection that is made, so that an earlier answer does not count', async () => {
    const server = await startWebServer((_, response) => void response.end('{}'));
    const { lookup, told } = telling('127.0.0.1', '10.0.0.1');
    // without the guard the first answer leads here, and the connection is kept
    const open = clientOf(`http://registry.example:${server.port}`, { lookup });
    await open.client.ping(asking());
    expect([server.asked.length, told.length]).toEqual([1, 1]);
    const guarded = clientOf(`http://registry.example:${server.port}`, {
      lookup,
      registry: { privateAddresses: false },
    });
    for (let i = 0; i < 3; i++)
      expect(await failureOf(guarded.client.ping(asking()))).toMatchObject({ kind: 'denied' });
    expect([server.asked.length, told.length]).toEqual([1, 4]);
  });
});

describe('redirectTarget', () => {
  const from = new URL('https://registry.example/v2/a/blobs/x');

  it('resolves against where it came from', () => {
    expect(redirectTarget(from, '../y')).toEqual(new URL('https://registry.example/v2/a/y'));
    expect(redirectTarget(from, '//cdn.example/y')).toEqual(new URL('https://cdn.example/y'));
    expect(redirectTarget(new URL('http://a.example'), 'https://b.example')).toEqual(new URL('https://b.example'));
  });

  it.each([
    [undefined, 'to nowhere'],
    ['http://registry.example/x', 'from https to http'],
    ['gopher://x', 'to an address that is not one of the web'],
    ['data:text/plain,x', 'to an address that is not one of the web'],
    ['https://us@x.example/', 'to an address with a password in it'],
    ['https://x:99999/', 'to something that is no address'],
  ])('refuses %j', (location, reason) => {
    expect(redirectTarget(from, location)).toBe(reason);
  });
});

describe('nextPage', () => {
  const from = new URL('https://registry.example/v2/a/tags/list?n=2');

  it.each([
    [['</v2/a/tags/list?n=2&last=b>; rel="next"'], '/v2/a/tags/list?n=2&last=b'],
    [['<?n=2&last=b>;rel=next'], '/v2/a/tags/list?n=2&last=b'],
    [['</first>; rel="first", </second>; title="x"; rel="prev next"'], '/second'],
    [['</first>; rel="first"', '</second>; rel="next"'], '/second'],
    [['<https://registry.example/third>; rel=NEXT'], '/third'],
  ])('finds it in %j', (fields, expected) => {
    expect(nextPage(from, fields)?.href).toBe(`https://registry.example${expected}`);
  });

  it.each([
    [[]],
    [['</x>; rel="prev"']],
    [['</x>']],
    [['https://registry.example/x; rel="next"']],
    [['<http://registry.example/x>; rel="next"']],
    [['<https://other.example/x>; rel="next"']],
    [['<https://us:word@registry.example/x>; rel="next"']],
    [['<http://[>; rel="next"']],
  ])('finds none in %j', (fields) => {
    expect(nextPage(from, fields)).toBeNull();
  });
});
