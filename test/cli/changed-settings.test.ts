import { describe, expect, it } from 'vitest';
import { changedPaths } from '../../cli/changed-settings.js';
import { parseSettings } from '../../config/load.js';
import type { Settings } from '../../config/settings.js';

const FILE = '/srv/millpond/millpond.yaml';

const BEFORE = `
site: { name: A }
listen: { http: "127.0.0.1:8080" }
sync: { jitter: 5m, keep: { runs: 30 } }
mirrors:
  debian: { upstream: "rsync://upstream.example.org/debian/", schedule: manual }
  ubuntu: { upstream: "rsync://upstream.example.org/ubuntu/", every: 4h }
registries: { quay.io: { url: "https://quay.io", budget: 80/6h } }
images: [{ from: quay.io/a/b, tags: "12", schedule: manual }]
registry: { push: ["lab/*"], keep: { history: 10 } }
`;

/** The settings of `BEFORE` with each first text replaced by the second. */
function settings(...changes: (readonly [string, string])[]): Settings {
  const text = changes.reduce((changed, [from, to]) => {
    expect(changed).toContain(from);
    return changed.replace(from, to);
  }, BEFORE);
  return parseSettings(text, FILE);
}

describe('changedPaths', () => {
  it('is empty for settings that say the same in other words', () => {
    expect(changedPaths(settings(), settings())).toEqual([]);
    expect(changedPaths(settings(), settings(['5m', '300s'], ['every: 4h', 'every: 240m']))).toEqual([]);
  });

  it.each([
    ['site.name', ['name: A', 'name: B']],
    ['site.contact', ['name: A', 'name: A, contact: x@example.org']],
    ['data', ['site:', 'data: ./other\nsite:']],
    ['grace', ['site:', 'grace: 1m\nsite:']],
    ['listen.http', ['"127.0.0.1:8080"', '["127.0.0.1:8080", ":9090"]']],
    ['sync.jitter', ['jitter: 5m', 'jitter: 6m']],
    ['sync.keep', ['runs: 30', 'runs: 31']],
    ['sync.bandwidth', ['jitter: 5m', 'jitter: 5m, bandwidth: 1MB/s']],
    ['mirrors.debian', ['schedule: manual', 'schedule: manual, stages: apt']],
    ['mirrors.ubuntu', ['every: 4h', 'every: 5h']],
    ['registries.quay.io', ['80/6h', '90/6h']],
    ['images.quay.io/a/b', ['tags: "12"', 'tags: "13"']],
    ['zones.campus', ['site:', 'zones: { campus: { networks: 192.0.2.0/24 } }\nsite:']],
    ['zones.public', ['site:', 'zones: { public: { rate: 1Gbit/s } }\nsite:']],
    ['proxies.trusted', ['site:', 'proxies: { trusted: 10.0.0.0/8 }\nsite:']],
    ['registry.scrub', ['push:', 'scrub: { rate: 1MB/s }, push:']],
    ['registry.push', ['lab/*', 'lab/**']],
    ['registry.keep', ['history: 10', 'history: 9']],
  ] as const)('names %s alone when only that is different', (path, change) => {
    expect(changedPaths(settings(), settings(change))).toEqual([path]);
    expect(changedPaths(settings(change), settings())).toEqual([path]);
  });

  it('names a mirror that is new, and one that is gone', () => {
    const renamed = settings(['debian:', 'devuan:']);
    expect(changedPaths(settings(), renamed)).toEqual(['mirrors.debian', 'mirrors.devuan']);
  });

  it('names all that is different, in order', () => {
    const after = settings(['every: 4h', 'every: 5h'], ['name: A', 'name: B'], ['jitter: 5m', 'jitter: 6m']);
    expect(changedPaths(settings(), after)).toEqual(['mirrors.ubuntu', 'site.name', 'sync.jitter']);
  });

  it('names every section of the settings, so that none is forgotten here', () => {
    const known = settings();
    const keys = Object.keys(known).filter((key) => key !== 'file');
    for (const key of keys) {
      const altered = { ...known, [key]: alter(known[key as keyof Settings]) };
      expect(changedPaths(known, altered), key).not.toEqual([]);
    }
  });
});

/** Another value of the same kind. */
function alter(value: unknown): unknown {
  if (value instanceof Map) return new Map([...value, ['another', { registry: {} }]] as [string, unknown][]);
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value ?? {}).map(([key]) => [key, 'altered']));
  return 'altered';
}
