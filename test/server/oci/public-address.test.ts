import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { Settings } from '../../../config/settings.js';
import { hostNameOf, publicOrigin } from '../../../server/oci/public-address.js';
import { DOCKER_HUB } from './registry-scene.js';

interface Site {
  readonly url?: string | null;
  readonly tls?: boolean;
}

function origin(headers: Record<string, string>, { url = 'https://mirror.example.edu', tls = false }: Site = {}) {
  const settings = { site: { url }, registries: new Map([['docker.io', DOCKER_HUB]]) } as unknown as Settings;
  return publicOrigin({ headers, socket: { encrypted: tls } } as unknown as IncomingMessage, settings);
}

describe('publicOrigin', () => {
  it.each([
    [{ host: 'mirror.example.edu' }, 'https://mirror.example.edu'],
    [{ host: 'MIRROR.example.edu' }, 'https://mirror.example.edu'],
    [{ host: '10.0.0.1:8080' }, 'http://10.0.0.1:8080'],
    [{ host: '[::1]:8080' }, 'http://[::1]:8080'],
    [{ host: 'other.example', 'x-forwarded-proto': 'https' }, 'https://other.example'],
    [
      { host: '127.0.0.1:1', 'x-forwarded-host': 'a.example, b.example', 'x-forwarded-proto': 'https' },
      'https://a.example',
    ],
    [{ host: 'docker.mirror.example.edu' }, 'https://docker.mirror.example.edu'],
    [{ host: 'a"b' }, 'https://mirror.example.edu'],
    [{ host: 'x.example', 'x-forwarded-proto': 'javascript' }, 'http://x.example'],
    [{}, 'https://mirror.example.edu'],
  ])('of %j is %s', (headers, expected) => expect(origin(headers)).toBe(expected));

  it('is https on an encrypted connection', () => {
    expect(origin({ host: 'x.example' }, { tls: true })).toBe('https://x.example');
  });

  it('of a site without an address is what the client has asked for', () => {
    expect(origin({ host: 'docker.mirror.example.edu:81' }, { url: null })).toBe('http://docker.mirror.example.edu:81');
  });
});

describe('hostNameOf', () => {
  it('is without a port, and empty when there is none', () => {
    expect(hostNameOf({ headers: { host: 'A.example:80' } } as IncomingMessage)).toBe('a.example');
    expect(hostNameOf({ headers: { host: '[::1]:80' } } as IncomingMessage)).toBe('[::1]');
    expect(hostNameOf({ headers: {} } as IncomingMessage)).toBe('');
  });
});
