import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DOCKER_HUB, openRegistry, QUAY, type RegistryScene } from './registry-scene.js';

const ALIAS = 'docker.mirror.example.edu';

describe('the catalogue', () => {
  let scene: RegistryScene;
  beforeEach(async () => {
    scene = await openRegistry({ registries: [DOCKER_HUB, QUAY] });
    for (const name of ['docker.io/a/b', 'docker.io/library/debian', 'docker.ioz/x', 'lab/tool', 'quay.io/app'])
      scene.store.repositories.ensure(name, 'mirrored', 1);
  });
  afterEach(() => scene.close());

  it('names all repositories, in pages', async () => {
    const first = await request(scene.http).get('/v2/_catalog?n=3');
    expect(first.body).toEqual({ repositories: ['docker.io/a/b', 'docker.io/library/debian', 'docker.ioz/x'] });
    const next = /^<([^>]+)>; rel="next"$/.exec(String(first.headers['link']))?.[1] ?? '';
    const second = await request(scene.http).get(next);
    expect(second.body).toEqual({ repositories: ['lab/tool', 'quay.io/app'] });
    expect(second.headers['link']).toBeUndefined();
  });

  it('under an alias names those of its registry, as they are called there', async () => {
    const all = await request(scene.http).get('/v2/_catalog').set('Host', ALIAS);
    expect(all.body).toEqual({ repositories: ['a/b', 'library/debian'] });
    const page = await request(scene.http).get('/v2/_catalog?n=1').set('Host', ALIAS);
    expect(page.headers['link']).toBe('</v2/_catalog?n=1&last=a%2Fb>; rel="next"');
    const last = await request(scene.http).get('/v2/_catalog?n=1&last=a%2Fb').set('Host', ALIAS);
    expect([last.body, last.headers['link']]).toEqual([{ repositories: ['library/debian'] }, undefined]);
  });

  it('under an alias nobody is asked to log in', async () => {
    expect((await request(scene.http).get('/v2/').set('Host', ALIAS)).status).toBe(200);
    expect((await request(scene.http).get('/v2/')).status).toBe(401);
  });
});
