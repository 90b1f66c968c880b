import { describe, expect, it } from 'vitest';
import type { RegistryView } from '../../../server/images-view.js';
import { clientAddress, clientConfiguration, pullCommands } from '../../../server/pages/images-use.js';

const HUB: RegistryView = {
  ...{ name: 'docker.io', alias: 'docker.example.edu' },
  ...{ onDemand: null, budget: null, use: null },
};
const QUAY: RegistryView = { ...HUB, name: 'quay.io', alias: null };
const DIGEST = `sha256:${'a'.repeat(64)}`;

function textOf(origin: string, registry: RegistryView, id: string): string | null | undefined {
  return clientConfiguration(clientAddress(origin), registry).find((snippet) => snippet.id === id)?.text;
}

describe('clientAddress', () => {
  it.each([
    ['https://mirror.example.edu', 'mirror.example.edu'],
    ['https://mirror.example.edu:8443', 'mirror.example.edu:8443'],
    ['https://mirror', 'mirror:443'],
    ['http://mirror', 'mirror:80'],
    ['http://localhost', 'localhost'],
    ['http://[::1]:5000', '[::1]:5000'],
  ])('of %s is what clients take for a registry: %s', (origin, host) => {
    expect(clientAddress(origin).host).toBe(host);
  });
});

describe('pullCommands', () => {
  it('name a tag with ":" and a digest with "@"', () => {
    const texts = (reference: string): (string | null)[] =>
      pullCommands(clientAddress('https://m.example.edu'), 'docker.io/library/debian', reference).map(
        ({ text }) => text,
      );
    expect(texts('12')).toEqual([
      'docker pull m.example.edu/docker.io/library/debian:12',
      'podman pull m.example.edu/docker.io/library/debian:12',
      'nerdctl pull m.example.edu/docker.io/library/debian:12',
      'ctr images pull m.example.edu/docker.io/library/debian:12',
      'image: m.example.edu/docker.io/library/debian:12',
    ]);
    expect(texts(DIGEST)[0]).toBe(`docker pull m.example.edu/docker.io/library/debian@${DIGEST}`);
  });

  it('tell clients that there is no TLS', () => {
    const texts = pullCommands(clientAddress('http://m.example.edu:8080'), 'lab/x', '1').map(({ text }) => text);
    expect(texts).toContain('podman pull --tls-verify=false m.example.edu:8080/lab/x:1');
    expect(texts).toContain('nerdctl --insecure-registry pull m.example.edu:8080/lab/x:1');
    expect(texts).toContain('ctr images pull --plain-http m.example.edu:8080/lab/x:1');
  });
});

describe('clientConfiguration', () => {
  it('gives Docker a mirror of Docker Hub at the root of its host name', () => {
    expect(JSON.parse(textOf('https://m.example.edu', HUB, 'docker') ?? '')).toEqual({
      'registry-mirrors': ['https://docker.example.edu'],
    });
    expect(JSON.parse(textOf('http://m.example.edu:8080', HUB, 'docker') ?? '')).toEqual({
      'registry-mirrors': ['http://docker.example.edu:8080'],
      'insecure-registries': ['m.example.edu:8080'],
    });
  });

  it('gives Docker none of another registry, and none without a host name, and says why', () => {
    expect(textOf('https://m.example.edu', QUAY, 'docker')).toBeNull();
    const [docker] = clientConfiguration(clientAddress('https://m.example.edu'), { ...HUB, alias: null });
    expect(docker).toMatchObject({
      text: null,
      note: expect.stringContaining('no host name for Docker Hub') as string,
    });
  });

  it('gives containerd our host first, for tags too, and upstream after it', () => {
    expect(textOf('https://m.example.edu', HUB, 'containerd')).toBe(
      'server = "https://registry-1.docker.io"\n\n[host."https://m.example.edu"]\n  capabilities = ["pull", "resolve"]',
    );
    expect(textOf('https://m.example.edu', QUAY, 'containerd')).toContain('server = "https://quay.io"\n');
    const [, containerd] = clientConfiguration(clientAddress('https://m.example.edu'), HUB);
    expect(containerd?.file).toBe('/etc/containerd/certs.d/docker.io/hosts.toml');
  });

  it('gives Podman and its kin the path prefix', () => {
    expect(textOf('http://m.example.edu:8080', QUAY, 'podman')).toBe(
      '[[registry]]\nprefix = "quay.io"\nlocation = "quay.io"\n\n' +
        '[[registry.mirror]]\nlocation = "m.example.edu:8080/quay.io"\ninsecure = true',
    );
    expect(textOf('https://m.example.edu', QUAY, 'podman')).not.toContain('insecure');
  });
});
