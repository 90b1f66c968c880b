import { chmod, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from '../../../../core/oci/digest.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';
import { asking, clientOf, failureOf, json, startWebServer, type Asked, type WebServer } from './registry-scene.js';

const BYTES = Buffer.from('{}');
const BASIC = `Basic ${Buffer.from('us:pass:word').toString('base64')}`;

interface TokenScene {
  readonly registry: WebServer;
  readonly auth: WebServer;
  /** Tokens that the registry takes. */
  readonly valid: Set<string>;
}

/** A registry that wants a token for each repository, and a token server at an origin of its own. */
async function startTokenScene(
  settings: {
    token?: (asked: Asked, response: ServerResponse, token: string) => void;
    challenge?: (asked: Asked, realm: string) => string;
  } = {},
): Promise<TokenScene> {
  const valid = new Set<string>();
  let made = 0;
  const auth = await startWebServer((asked, response) => {
    const token = `token-${++made}`;
    valid.add(token);
    if (settings.token) settings.token(asked, response, token);
    else json(response, { token, expires_in: 300 });
  });
  const registry = await startWebServer((asked, response) => {
    const token = asked.headers.authorization?.replace('Bearer ', '') ?? '';
    if (valid.has(token)) return void response.writeHead(200).end(BYTES);
    const repository = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(asked.url)?.[1];
    const scope = repository === undefined ? '' : `,scope="repository:${repository}:pull"`;
    const plain = `Bearer realm="${auth.url}/token",service="registry.example"${scope}`;
    response.writeHead(401, { 'www-authenticate': settings.challenge?.(asked, auth.url) ?? plain }).end();
  });
  return { registry, auth, valid };
}

async function credentialsFile(entry: object, key = 'https://index.docker.io/v1/'): Promise<string> {
  const path = join(await tempFolder(), 'config.json');
  await writeFile(path, JSON.stringify({ auths: { [key]: entry } }));
  await chmod(path, 0o600);
  return path;
}

describe('a registry that wants a token', () => {
  it('gets one for the scope of the challenge, by GET and as nobody', async () => {
    const { registry, auth } = await startTokenScene();
    await clientOf(registry.url).client.getManifest('library/debian', '12', asking());
    expect(auth.asked).toMatchObject([
      { method: 'GET', url: '/token?service=registry.example&scope=repository%3Alibrary%2Fdebian%3Apull' },
    ]);
    expect(auth.asked[0]?.headers).not.toHaveProperty('authorization');
    expect(registry.asked.map(({ headers }) => headers.authorization)).toEqual([undefined, 'Bearer token-1']);
  });

  it('gets the same one again until it ends', async () => {
    const { registry, auth } = await startTokenScene();
    const { client, clock } = clientOf(registry.url);
    await client.getManifest('a', '1', asking());
    clock.now += 289_000; // of 300 s less a margin of 10
    await client.getManifest('a', '2', asking());
    expect([auth.asked.length, registry.asked.length]).toEqual([1, 3]);
    clock.now += 1_000;
    await client.getManifest('a', '3', asking());
    expect([auth.asked.length, registry.asked.length]).toEqual([2, 5]);
  });

  it('takes a token without expires_in as one of a minute, and access_token as token', async () => {
    const { registry, auth } = await startTokenScene({
      token: (_, response, token) => json(response, { access_token: token }),
    });
    const { client, clock } = clientOf(registry.url);
    await client.ping(asking());
    clock.now += 49_000;
    await client.ping(asking());
    expect(auth.asked.map(({ url }) => url)).toEqual(['/token?service=registry.example']);
    clock.now += 1_000;
    await client.ping(asking());
    expect(auth.asked).toHaveLength(2);
  });

  it('has one token fetched for each scope, however many wait for it', async () => {
    const { registry, auth } = await startTokenScene();
    const { client } = clientOf(registry.url);
    const digest = digestOf(BYTES);
    const blobs = Array.from({ length: 10 }, async (_, index) => {
      const blob = await client.openBlob(index < 5 ? 'a' : 'b', digest, asking());
      for await (const chunk of blob.body) expect(chunk).toEqual(BYTES);
    });
    await Promise.all(blobs);
    expect(auth.asked).toHaveLength(2);
  });

  it('goes on fetching for the others when one of them leaves', async () => {
    let answer = (): void => undefined;
    const { registry, auth } = await startTokenScene({
      token: (_, response, token) => (answer = () => json(response, { token })),
    });
    const { client } = clientOf(registry.url);
    const stop = new AbortController();
    const leaving = client.headManifest('a', '1', { signal: stop.signal, urgency: 'on-demand' });
    await expect.poll(() => auth.asked.length).toBe(1);
    const staying = client.headManifest('a', '2', asking());
    await expect.poll(() => registry.asked.length).toBe(2);
    stop.abort(new Error('left'));
    await expect(leaving).rejects.toThrow('left');
    answer();
    await staying;
    expect(auth.asked).toHaveLength(1);
  });

  it('has a token that is refused fetched anew, once', async () => {
    const { registry, auth, valid } = await startTokenScene();
    const { client } = clientOf(registry.url);
    await client.getManifest('a', '1', asking());
    valid.clear();
    await client.getManifest('a', '2', asking());
    expect([auth.asked.length, registry.asked.length]).toEqual([2, 4]);
  });

  it('is not asked for ever when it refuses every token', async () => {
    const { registry, auth } = await startTokenScene({
      token: (_, response) => json(response, { token: 'a-token-that-opens-nothing' }),
    });
    const { client } = clientOf(registry.url);
    const failure = await failureOf(client.getManifest('a', '1', asking()));
    expect(failure).toMatchObject({ kind: 'unauthorized', status: 401 });
    expect(failure.message).toBe('docker.io gives a:1 only to those who log in');
    await failureOf(client.getManifest('a', '1', asking()));
    expect([auth.asked.length, registry.asked.length]).toEqual([2, 4]);
  });

  it.each([
    ['token', {}],
    ['list', []],
    ['usable token', { token: 'a b\r\nc' }],
  ])('fails where the token server sends no %s', async (_, answer) => {
    const { registry } = await startTokenScene({ token: (_, response) => json(response, answer) });
    const failure = await failureOf(clientOf(registry.url).client.ping(asking()));
    expect(failure).toMatchObject({ kind: 'invalid', message: 'the token server of docker.io sends no token' });
  });

  it.each([
    [401, 'unauthorized'],
    [403, 'denied'],
    [503, 'unavailable'],
    [429, 'rate-limited'],
  ])('fails as %i of the token server says', async (status, kind) => {
    const { registry, auth } = await startTokenScene({
      token: (_, response) => void response.writeHead(status, { 'retry-after': '77' }).end(),
    });
    const { client } = clientOf(registry.url);
    expect(await failureOf(client.ping(asking()))).toMatchObject({ kind, status, retryAfter: 77 });
    await failureOf(client.ping(asking()));
    expect(auth.asked).toHaveLength(status === 429 ? 1 : 2);
  });

  it('is followed to a realm by http or https only, and never from https to http', async () => {
    for (const realm of ['ftp://127.0.0.1/token', 'http://us:word@127.0.0.1/token', 'file:///etc/passwd']) {
      const { registry } = await startTokenScene({ challenge: () => `Bearer realm="${realm}"` });
      expect(await failureOf(clientOf(registry.url).client.ping(asking()))).toMatchObject({ kind: 'denied' });
    }
  });
});

describe('credentials', () => {
  let credentials = '';
  beforeEach(async () => {
    credentials = await credentialsFile({ auth: BASIC.slice('Basic '.length) });
  });

  it('are shown to the token server and never to the registry', async () => {
    const { registry, auth } = await startTokenScene();
    await clientOf(registry.url, { registry: { credentials } }).client.getManifest('a', '1', asking());
    expect(auth.asked[0]?.headers.authorization).toBe(BASIC);
    expect(registry.asked.map(({ headers }) => headers.authorization)).toEqual([undefined, 'Bearer token-1']);
  });

  it.each([404, 405])('are sent as a form where GET is answered by %i', async (status) => {
    const { registry, auth } = await startTokenScene({
      token: ({ method }, response, token) => {
        if (method === 'GET') response.writeHead(status).end();
        else json(response, { access_token: token });
      },
    });
    await clientOf(registry.url, { registry: { credentials } }).client.getManifest('a', '1', asking());
    const [, post] = auth.asked;
    expect(post).toMatchObject({ method: 'POST', url: '/token' });
    expect(Object.fromEntries(new URLSearchParams(post?.body))).toEqual({
      client_id: 'millpond',
      grant_type: 'password',
      username: 'us',
      password: 'pass:word',
      service: 'registry.example',
      scope: 'repository:a:pull',
    });
    expect(post?.headers).not.toHaveProperty('authorization');
  });

  it('are a form at once where they are a token of identity', async () => {
    const { registry, auth } = await startTokenScene();
    const file = await credentialsFile({ auth: 'PHRva2VuPjo=', identitytoken: 'who-we-are' });
    await clientOf(registry.url, { registry: { credentials: file } }).client.ping(asking());
    expect(auth.asked).toMatchObject([{ method: 'POST', url: '/token' }]);
    expect(Object.fromEntries(new URLSearchParams(auth.asked[0]?.body))).toMatchObject({
      grant_type: 'refresh_token',
      refresh_token: 'who-we-are',
    });
  });

  it('do not follow the token server to another origin', async () => {
    const other = await startWebServer((_, response) => json(response, { token: 'token-1' }));
    const { registry } = await startTokenScene({
      token: (_, response) => void response.writeHead(307, { location: `${other.url}/elsewhere` }).end(),
    });
    await clientOf(registry.url, { registry: { credentials } }).client.ping(asking());
    expect(other.asked).toMatchObject([{ method: 'GET', url: '/elsewhere' }]);
    expect(other.asked[0]?.headers).not.toHaveProperty('authorization');
  });

  it('do not go to another token server than the first challenge named', async () => {
    const thief = await startWebServer((_, response) => json(response, { token: 'token-1' }));
    const { registry, auth } = await startTokenScene({
      challenge: ({ url }, realm) => `Bearer realm="${url.includes('/b/') ? thief.url : realm}/token"`,
    });
    const { client } = clientOf(registry.url, { registry: { credentials } });
    await client.getManifest('a', '1', asking());
    const failure = await failureOf(client.getManifest('b', '1', asking()));
    expect(failure).toMatchObject({ kind: 'unauthorized' });
    expect(failure.message).toContain('names another token server than before');
    expect([auth.asked.length, thief.asked.length]).toEqual([1, 0]);
  });

  it('are sent to a registry that wants Basic, at once the second time', async () => {
    const registry = await startWebServer(({ headers }, response) => {
      if (headers.authorization === BASIC) response.writeHead(200).end(BYTES);
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    });
    const { client } = clientOf(registry.url, { registry: { credentials } });
    await client.getManifest('a', '1', asking());
    await client.getManifest('a', '2', asking());
    expect(registry.asked.map(({ headers }) => headers.authorization)).toEqual([undefined, BASIC, BASIC]);
  });

  it('that are wrong are sent once, and not named', async () => {
    const registry = await startWebServer((_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    });
    const failure = await failureOf(clientOf(registry.url, { registry: { credentials } }).client.ping(asking()));
    expect(failure).toMatchObject({ kind: 'unauthorized' });
    expect(failure.message).toBe('docker.io does not accept our credentials for the distribution API');
    expect(registry.asked).toHaveLength(2);
  });

  it('that cannot be read are a failure that says why', async () => {
    const { registry, auth } = await startTokenScene();
    await chmod(credentials, 0o644);
    const failure = await failureOf(clientOf(registry.url, { registry: { credentials } }).client.ping(asking()));
    expect(failure).toMatchObject({ kind: 'unauthorized' });
    expect(failure.message).toBe(`the credentials file "${credentials}" is open to every user of this machine`);
    expect(auth.asked).toHaveLength(0);
  });

  it('that are missing are asked for in a sentence', async () => {
    const registry = await startWebServer((_, response) => {
      response.writeHead(401, { 'www-authenticate': ['Negotiate', 'Basic realm="x"'] }).end();
    });
    const failure = await failureOf(clientOf(registry.url).client.ping(asking()));
    expect(failure.message).toBe('docker.io wants a user and a password');
  });
});
