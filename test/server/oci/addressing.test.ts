import { describe, expect, it } from 'vitest';
import type { Settings } from '../../../config/settings.js';
import { resolvePlace } from '../../../server/oci/addressing.js';
import { DOCKER_HUB, QUAY } from './registry-scene.js';

const settings = {
  site: { name: 'Mirror', url: 'https://mirror.example.edu', contact: null, mirrorz: null },
  registries: new Map([DOCKER_HUB, QUAY].map((registry) => [registry.name, registry])),
  images: new Map([['base/debian', { name: 'base/debian', registry: DOCKER_HUB }]]),
} as unknown as Settings;

function place(name: string, { host = 'mirror.example.edu', ns = null as string | null } = {}) {
  const { repository, registry, namespace } = resolvePlace(settings, { name, host, namespace: ns });
  return [repository, registry?.name ?? null, namespace];
}

describe('resolvePlace', () => {
  it.each([
    ['docker.io/library/debian', 'docker.io/library/debian'],
    ['docker.io/debian', 'docker.io/library/debian'],
    ['index.docker.io/debian', 'docker.io/library/debian'],
    ['registry-1.docker.io/a/b', 'docker.io/a/b'],
  ])('takes the registry at the begin of %s', (name, repository) => {
    expect(place(name)).toEqual([repository, 'docker.io', null]);
  });

  it('leaves names of one part to other registries than Docker Hub as they are', () => {
    expect(place('quay.io/app')).toEqual(['quay.io/app', 'quay.io', null]);
  });

  it('lets a registry in the path win over ns, and over the alias', () => {
    expect(place('quay.io/a/b', { ns: 'docker.io' })).toEqual(['quay.io/a/b', 'quay.io', null]);
    expect(place('quay.io/a/b', { ns: 'unknown.example' })).toEqual(['quay.io/a/b', 'quay.io', null]);
    expect(place('quay.io/a/b', { host: 'docker.mirror.example.edu' })).toEqual(['quay.io/a/b', 'quay.io', null]);
  });

  it('has the repositories of a registry at the root of its alias, whatever ns says', () => {
    const host = 'docker.mirror.example.edu';
    expect(place('debian', { host })).toEqual(['docker.io/library/debian', 'docker.io', null]);
    expect(place('a/b', { host, ns: 'quay.io' })).toEqual(['docker.io/a/b', 'docker.io', null]);
  });

  it.each(['docker.io', 'DOCKER.IO', 'registry-1.docker.io', 'index.docker.io', 'docker.mirror.example.edu'])(
    'takes ns=%s as the name of a registry',
    (ns) => expect(place('debian', { ns })).toEqual(['docker.io/library/debian', 'docker.io', ns]),
  );

  it.each(['ghcr.io', '127.0.0.1:22', 'docker.io.evil.example', '', '../x', 'docker.io/x'])(
    'says that nothing is here for ns=%s',
    (ns) => {
      expect(() => place('a/b', { ns })).toThrow(expect.objectContaining({ code: 'NAME_UNKNOWN' }) as Error);
    },
  );

  it('takes ns with our own name as if it were not there', () => {
    expect(place('lab/tool', { ns: 'mirror.example.edu' })).toEqual(['lab/tool', null, null]);
    expect(place('lab/tool', { host: '10.0.0.1', ns: '10.0.0.1:5000' })).toEqual(['lab/tool', null, null]);
  });

  it('knows which registry an image follows that has another name here', () => {
    expect(place('base/debian')).toEqual(['base/debian', 'docker.io', null]);
    expect(place('base/other')).toEqual(['base/other', null, null]);
  });

  it('refuses a name that becomes too long below its registry', () => {
    const name = Array(100).fill('a').join('/');
    expect(() => place(name, { ns: 'docker.io' })).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }) as Error);
  });
});
