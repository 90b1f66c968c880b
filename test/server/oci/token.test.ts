import { readFile, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesOf, contentOf } from '../../fixtures/image-builder.js';
import { basic, DOCKER_HUB, openRegistry, type RegistryScene } from './registry-scene.js';

interface TokenAnswer {
  token: string;
  access_token: string;
  expires_in: number;
  issued_at: string;
  refresh_token?: string;
}

const BLOB = contentOf('', bytesOf('token', 10));

describe('the token service', () => {
  let scene: RegistryScene;
  let secret: string;
  beforeEach(async () => {
    scene = await openRegistry({ registry: { push: ['lab/**'] }, registries: [DOCKER_HUB] });
    secret = scene.addToken('robot', ['lab/*']);
  });
  afterEach(() => scene.close());

  async function ask(query: string, authorization?: string): Promise<TokenAnswer> {
    const answer = await fetch(`${scene.url}/v2/token?${query}`, { headers: authorization ? { authorization } : {} });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    return (await answer.json()) as TokenAnswer;
  }

  function post(form: Record<string, string>): Promise<Response> {
    return fetch(`${scene.url}/v2/token`, { method: 'POST', body: new URLSearchParams(form) });
  }

  function open(repository: string, authorization?: string): Promise<Response> {
    const path = `/v2/${repository}/blobs/uploads/`;
    return fetch(`${scene.url}${path}`, { method: 'POST', headers: authorization ? { authorization } : {} });
  }

  it('is named in the challenge of GET /v2/, where docker and podman look for it', async () => {
    const answer = await fetch(`${scene.url}/v2/`);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe(`Bearer realm="${scene.url}/v2/token",service="millpond"`);
    expect(answer.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
    expect(await answer.json()).toMatchObject({ errors: [{ code: 'UNAUTHORIZED' }] });
  });

  it('bothers nobody where nothing can be pushed', async () => {
    scene.settings = { ...scene.settings, registry: { ...scene.settings.registry, push: [] } };
    expect((await fetch(`${scene.url}/v2/`)).status).toBe(200);
  });

  it('logs in as docker and podman do: GET with Basic, then GET /v2/', async () => {
    const query = 'account=robot&client_id=docker&offline_token=true&service=millpond';
    const { token, access_token, expires_in, issued_at, refresh_token } = await ask(query, basic(secret));
    expect(access_token).toBe(token);
    expect(expires_in).toBeGreaterThanOrEqual(60);
    expect(Date.parse(issued_at)).toBeGreaterThan(0);
    expect(refresh_token).toBeTypeOf('string');
    const answer = await fetch(`${scene.url}/v2/`, { headers: { authorization: `Bearer ${token}` } });
    expect([answer.status, await answer.json()]).toEqual([200, {}]);
  });

  it('gives anybody a token for pulling, and no refresh token', async () => {
    const { token, refresh_token } = await ask('service=millpond&scope=repository:lab/a:pull&offline_token=true');
    expect(refresh_token).toBeUndefined();
    const authorization = `Bearer ${token}`;
    expect((await fetch(`${scene.url}/v2/`, { headers: { authorization } })).status).toBe(200);
    const refused = await open('lab/a', authorization);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toContain(
      'scope="repository:lab/a:pull,push",error="insufficient_scope"',
    );
  });

  it.each([
    'repository:lab/a:pull,push',
    'repository:lab/a:push,pull',
    'repository(plugin):lab/a:push',
    'repository:lab/a:*',
  ])('lets push with the scope %s', async (scope) => {
    const { token } = await ask(`scope=${encodeURIComponent(scope)}`, basic(secret));
    expect((await open('lab/a', `Bearer ${token}`)).status).toBe(202);
  });

  it('takes several scopes, as docker sends them to mount', async () => {
    const query = 'scope=repository%3Alab%2Fa%3Apull%2Cpush&scope=repository%3Alab%2Fb%3Apull&service=millpond';
    const { token } = await ask(query, basic(secret));
    expect((await open('lab/a', `Bearer ${token}`)).status).toBe(202);
    expect((await open('lab/b', `Bearer ${token}`)).status).toBe(401);
    const both = await ask('scope=repository:lab/a:push%20repository:lab/b:push', basic(secret));
    for (const name of ['lab/a', 'lab/b']) expect((await open(name, `Bearer ${both.token}`)).status).toBe(202);
  });

  it('asks for another access token by 401, and says that a token of the store does not open by 403', async () => {
    const { token } = await ask('scope=repository:lab/a:pull', basic(secret));
    const lesser = await open('lab/a', `Bearer ${token}`);
    expect(lesser.status).toBe(401);
    expect(lesser.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
    for (const name of ['lab/x/y', 'other/a']) {
      const refused = await open(name, basic(secret));
      expect(refused.status).toBe(403);
      expect(await refused.json()).toMatchObject({ errors: [{ code: 'DENIED' }] });
      // what is not had is left out in silence, whatever is asked
      const lessThanAsked = await ask(`scope=repository:${name}:push`, basic(secret));
      expect((await open(name, `Bearer ${lessThanAsked.token}`)).status).toBe(403);
    }
  });

  it('knows the POST of containerd, with a password and with a refresh token', async () => {
    const client = { client_id: 'containerd-client', service: 'millpond', scope: 'repository:lab/a:pull,push' };
    const form = { grant_type: 'password', username: 'anything', password: secret, access_type: 'offline', ...client };
    const first = (await (await post(form)).json()) as TokenAnswer;
    expect((await open('lab/a', `Bearer ${first.access_token}`)).status).toBe(202);
    const again = await post({ grant_type: 'refresh_token', refresh_token: first.refresh_token ?? '', ...client });
    expect(again.status).toBe(200);
    const second = (await again.json()) as TokenAnswer;
    expect((await open('lab/a', `Bearer ${second.access_token}`)).status).toBe(202);
    expect(second.refresh_token).toBeUndefined();
  });

  it('refuses credentials that are wrong, by GET and by POST', async () => {
    const wrong = { grant_type: 'password', password: 'mpt_wrong' };
    for (const answer of [
      await fetch(`${scene.url}/v2/token`, { headers: { authorization: basic('mpt_wrong') } }),
      await fetch(`${scene.url}/v2/token`, { headers: { authorization: basic('') } }),
      await post(wrong),
      await post({ grant_type: 'refresh_token', refresh_token: 'x' }),
      await post({ grant_type: 'password' }),
    ]) {
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({ errors: [{ code: 'UNAUTHORIZED' }] });
    }
    expect((await post({ grant_type: 'authorization_code' })).status).toBe(400);
    expect((await post({})).status).toBe(400);
    expect((await post({ grant_type: 'password', password: 'x'.repeat(70_000) })).status).toBe(413);
  });

  it.each(['Basic', 'Basic !!!', 'Bearer x.y.z', 'Bearer', 'Digest a', '', 'x'.repeat(1000)])(
    'challenges the field "%s"',
    async (authorization) => {
      const answer = await fetch(`${scene.url}/v2/lab/a/tags/list`, { headers: { authorization } });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm="/);
    },
  );

  it('takes no refresh token for an access token, nor the other way round', async () => {
    const { token, refresh_token = '' } = await ask('offline_token=true', basic(secret));
    const answer = await fetch(`${scene.url}/v2/`, { headers: { authorization: `Bearer ${refresh_token}` } });
    expect(answer.status).toBe(401);
    expect((await post({ grant_type: 'refresh_token', refresh_token: token })).status).toBe(401);
  });

  it('ends an access token in time', async () => {
    const { token, expires_in } = await ask('', basic(secret));
    scene.ahead = (expires_in + 1) * 1000;
    const answer = await fetch(`${scene.url}/v2/`, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  it('forgets a token of the store that is removed or has expired, with all that was issued for it', async () => {
    const { token, refresh_token = '' } = await ask('scope=repository:lab/a:push&offline_token=true', basic(secret));
    scene.store.tokens.remove('robot');
    scene.addToken('robot', ['**']); // another of the same name is not the same
    expect((await open('lab/a', `Bearer ${token}`)).status).toBe(401);
    expect((await post({ grant_type: 'refresh_token', refresh_token })).status).toBe(401);
    const brief = scene.addToken('brief', ['lab/*'], { expiresAt: Date.now() + 60_000 });
    expect((await open('lab/a', basic(brief))).status).toBe(202);
    scene.ahead = 61_000;
    expect((await open('lab/a', basic(brief))).status).toBe(401);
  });

  it('has no say over what follows an upstream', async () => {
    scene.settings = { ...scene.settings, registry: { ...scene.settings.registry, push: ['**'] } };
    const all = scene.addToken('all', ['**']);
    for (const name of ['docker.io/library/debian', 'docker.io/debian']) {
      const answer = await open(name, basic(all));
      expect(answer.status).toBe(405);
      expect(await answer.json()).toMatchObject({
        errors: [{ code: 'UNSUPPORTED', message: expect.stringContaining('follows docker.io') as string }],
      });
    }
  });

  it('keeps its key in a file of the owner alone, and its tokens beyond a restart', async () => {
    const { token } = await ask('', basic(secret));
    const { mode, size } = await stat(scene.layout.registryKey);
    expect([mode & 0o777, size]).toEqual([0o600, 32]);
    const key = await readFile(scene.layout.registryKey);
    expect(token).not.toContain(secret);
    const [, claims = ''] = token.split('.');
    expect(Buffer.from(claims, 'base64url').toString()).not.toContain(secret);
    const other = await openRegistry({ registry: { push: ['lab/**'] } });
    try {
      await writeFile(other.layout.registryKey, key, { mode: 0o600 });
      other.addToken('robot', ['lab/*']);
      const answer = await fetch(`${other.url}/v2/`, { headers: { authorization: `Bearer ${token}` } });
      expect(answer.status).toBe(200);
    } finally {
      await other.close();
    }
  });

  it('writes down when a token was used, not at each request', async () => {
    await ask('', basic(secret));
    const first = scene.store.tokens.byName('robot')?.usedAt ?? 0;
    expect(first).toBeGreaterThan(0);
    await ask('', basic(secret));
    expect(scene.store.tokens.byName('robot')?.usedAt).toBe(first);
    scene.ahead = 61_000;
    await ask('', basic(secret));
    expect(scene.store.tokens.byName('robot')?.usedAt).toBeGreaterThan(first);
  });

  it('lets everybody read', async () => {
    const answer = await open('lab/a', basic(secret));
    const location = `${scene.url}${answer.headers.get('location')}?digest=${BLOB.digest}`;
    const body = new Uint8Array(BLOB.bytes);
    expect((await fetch(location, { method: 'PUT', body, headers: { authorization: basic(secret) } })).status).toBe(
      201,
    );
    expect((await fetch(`${scene.url}/v2/lab/a/blobs/${BLOB.digest}`)).status).toBe(200);
    expect(await (await fetch(`${scene.url}/v2/_catalog`)).json()).toEqual({ repositories: ['lab/a'] });
  });
});
