import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeMirror, openScene, type Scene } from '../scene.js';

describe('the registry in the server', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [makeMirror('debian')] });
  });
  afterEach(() => scene.close());

  it('answers below /v2/ before pages do, whatever the method and Accept', async () => {
    const base = await request(scene.http).get('/v2/').set('Accept', 'text/html').set('Accept-Encoding', 'gzip');
    expect([base.status, base.body]).toEqual([200, {}]);
    expect(base.headers).toMatchObject({ 'docker-distribution-api-version': 'registry/2.0', 'content-length': '2' });
    expect(base.headers['content-encoding']).toBeUndefined();
    const refused = await request(scene.http).post('/v2/lab/tool/blobs/uploads/');
    expect(refused.status).toBe(401);
    const absent = await request(scene.http).get('/v2/lab/tool/manifests/latest').set('Accept', 'text/html');
    expect(absent.body).toMatchObject({ errors: [{ code: 'NAME_UNKNOWN' }] });
  });

  it('leaves all other paths to whom they belong', async () => {
    expect((await request(scene.http).post('/status')).status).toBe(405);
    expect((await request(scene.http).get('/v2x/').set('Accept', 'text/html')).headers['content-type']).toMatch(/html/);
    expect((await request(scene.http).get('/api/v1/mirrors')).status).toBe(200);
  });

  it('counts its answers apart', async () => {
    await request(scene.http).get('/v2/');
    const { text } = await request(scene.http).get('/metrics');
    expect(text).toMatch(/\{road="registry",[^}]*"2xx"\} 1/);
  });
});
