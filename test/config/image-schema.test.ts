import { describe, expect, test } from 'vitest';
import type { ImageMirror, Registry, TagSelection } from '../../core/oci/image-mirror.js';
import { parse, problems } from './parsing.js';

const DEBIAN = 'from: docker.io/library/debian';
const TAGS = 'tags: ["12"]';
const MANUAL = 'schedule: manual';
const REGISTRIES = `registries:
  docker.io: { url: "https://registry-1.docker.io" }
  quay.io: { url: "https://quay.io" }`;

/** The only image of a configuration with `lines` as its keys. */
function image(...lines: string[]): ImageMirror {
  const text = [REGISTRIES, 'images:', '  -', ...lines.map((line) => `    ${line}`)].join('\n');
  const [first, ...others] = parse(text).images.values();
  expect(others).toEqual([]);
  if (!first) throw new Error('no image');
  return first;
}

/** The tags that are chosen by `lines`. */
function selection(...lines: string[]): TagSelection {
  return image(DEBIAN, MANUAL, ...lines).tags;
}

describe('registries and images', () => {
  test('are read as they stand in the plan', () => {
    const { registries, images } = parse(`
zones: { campus: { networks: 192.0.2.0/24 } }
registries:
  docker.io:   { url: https://registry-1.docker.io, credentials: secrets/docker.json, budget: 80/6h, alias: docker.mirror.example.edu, on_demand: { allow: ["library/*"], keep: 500GB, recheck: 10m, zones: [campus], pin: library/debian } }
  quay.io:     { url: https://quay.io }
images:
  - from: docker.io/library/debian
    tags: { semver: ">=11", latest: 3, include: ["stable*", "bookworm*"], exclude: ["*-backports*"] }
    platforms: [linux/amd64, linux/arm64]
    referrers: true
    schedule: "23 */6 * * *"
`);
    const hub: Registry = {
      name: 'docker.io',
      url: 'https://registry-1.docker.io',
      credentials: '/etc/example/secrets/docker.json',
      budget: { pulls: 80, window: 21_600 },
      alias: 'docker.mirror.example.edu',
      onDemand: {
        allow: ['library/*'],
        keep: 500_000_000_000,
        recheck: 600,
        zones: ['campus'],
        pin: ['library/debian'],
      },
      privateAddresses: false,
    };
    const quay: Registry = {
      ...{ name: 'quay.io', url: 'https://quay.io', credentials: null, budget: null, alias: null, onDemand: null },
      privateAddresses: false,
    };
    expect([...registries]).toEqual([
      ['docker.io', hub],
      ['quay.io', quay],
    ]);
    expect([...images.values()]).toEqual([
      {
        name: 'docker.io/library/debian',
        title: 'docker.io/library/debian',
        description: '',
        kind: 'oci',
        registry: hub,
        repository: 'library/debian',
        tags: {
          include: ['stable*', 'bookworm*'],
          exclude: ['*-backports*'],
          semver: '>=11',
          latest: 3,
          latestOf: 'all',
          pulledWithin: null,
        },
        platforms: [
          { os: 'linux', architecture: 'amd64', variant: '' },
          { os: 'linux', architecture: 'arm64', variant: '' },
        ],
        referrers: true,
        schedule: {
          kind: 'cron',
          expression: '23 */6 * * *',
          timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        },
        timeout: 43_200,
        stall: 900,
        retry: { attempts: 5, firstBackoff: 60, maxBackoff: 3_600 },
      },
    ]);
    expect([...images.keys()]).toEqual(['docker.io/library/debian']);
    expect(images.get('docker.io/library/debian')?.registry).toBe(registries.get('docker.io'));
  });

  test('have every key', () => {
    const read = image(
      'from: quay.io/a/b',
      'as: base/b',
      'title: B',
      'description: What it is',
      'tags: { include: x, latest: 1, latest_of: minor, pulled_within: 30d }',
      'platforms: linux/arm/v7',
      'referrers: false',
      'every: 4h',
      'timeout: 1h',
      'stall: 1m',
      'retry: { attempts: 1, backoff: 1s..2s }',
    );
    expect(read).toMatchObject({
      ...{ name: 'base/b', title: 'B', description: 'What it is', repository: 'a/b', referrers: false },
      registry: { name: 'quay.io' },
      tags: { include: ['x'], exclude: [], semver: null, latest: 1, latestOf: 'minor', pulledWithin: 2_592_000 },
      platforms: [{ os: 'linux', architecture: 'arm', variant: 'v7' }],
      schedule: { kind: 'every', seconds: 14_400 },
      ...{ timeout: 3_600, stall: 60, retry: { attempts: 1, firstBackoff: 1, maxBackoff: 2 } },
    });
  });

  test('name Docker Hub in one way, whatever is written', () => {
    const names = ['docker.io/debian', 'index.docker.io/debian', 'registry-1.docker.io/library/debian'];
    for (const name of names)
      expect(image(`from: ${name}`, TAGS, MANUAL)).toMatchObject({
        ...{ name: 'docker.io/library/debian', repository: 'library/debian', registry: { name: 'docker.io' } },
      });
    const { registries } = parse('registries: { Index.Docker.IO: { url: "HTTPS://Registry-1.Docker.IO:443/" } }');
    expect([...registries.values()]).toMatchObject([{ name: 'docker.io', url: 'https://registry-1.docker.io' }]);
    expect(image('from: quay.io/debian', 'as: docker.io.example/x', TAGS, MANUAL).name).toBe('docker.io.example/x');
  });

  test('take a list of tags, one tag, and "every tag"', () => {
    const only = (include: string[]): TagSelection => ({
      ...{ include, exclude: [], semver: null, latest: null, latestOf: 'all', pulledWithin: null },
    });
    expect(selection('tags: ["12", 12-slim, "stable*"]')).toEqual(only(['12', '12-slim', 'stable*']));
    expect(selection('tags: latest')).toEqual(only(['latest']));
    expect(selection('tags: { include: "*" }')).toEqual(only(['*']));
  });

  test.each<[string[], string]>([
    [[TAGS, MANUAL], 'images[0].from: is missing'],
    [['from: debian', TAGS, MANUAL], 'images[0].from: "debian" has no registry before it: write it as docker.io/'],
    [['from: "https://quay.io/a/b"', TAGS, MANUAL], 'images[0].from: "https://quay.io/a/b" is an address: write reg'],
    [['from: "quay.io/a/b:1.2"', TAGS, MANUAL], 'images[0].from: "quay.io/a/b:1.2" holds a tag or a digest: write ta'],
    [['from: "quay.io/a/b@sha256:12"', TAGS, MANUAL], 'holds a tag or a digest: write tags under "tags"'],
    [['from: quay.io/A/b', TAGS, MANUAL], 'images[0].from: "quay.io/A/b" is not the name of a repository: parts of'],
    [['from: quay.io/', TAGS, MANUAL], 'images[0].from: "quay.io/" is not the name of a repository'],
    [['from: quay.io/../x', TAGS, MANUAL], 'images[0].from: "quay.io/../x" is not the name of a repository'],
    [['from: "quay.io:443/a"', TAGS, MANUAL], '"quay.io:443" is not the name of a registry: names of repositories'],
    [[`from: quay.io/${'x'.repeat(200)}`, TAGS, MANUAL], 'is not the name of a repository'],
    [
      ['from: ghcr.io/a/b', TAGS, MANUAL],
      'images[0].from: "ghcr.io/a/b" names the registry "ghcr.io", which is not in registries; add it',
    ],
    [
      ['from: qay.io/a/b', TAGS, MANUAL],
      'images[0].from: "qay.io/a/b" names the registry "qay.io", which is not in registries; did you mean "quay.io"?',
    ],
    [[DEBIAN, 'as: debian', TAGS, MANUAL], 'images[0].as: "debian" has one part only: write two or more'],
    [[DEBIAN, 'as: "base/debian:12"', TAGS, MANUAL], 'images[0].as: "base/debian:12" holds a tag or a digest'],
    [[DEBIAN, 'as: base//x', TAGS, MANUAL], 'images[0].as: "base//x" is not the name of a repository'],
    [[DEBIAN, 'as: quay.io/x', TAGS, MANUAL], 'images[0].as: "quay.io/x" begins with another registry, "quay.io"'],
    [[DEBIAN, MANUAL], 'images[0].tags: is missing: list tags or patterns, or write ["*"] for all'],
    [[DEBIAN, MANUAL, 'tags: []'], 'images[0].tags: the list is empty'],
    [[DEBIAN, MANUAL, 'tags: {}'], 'images[0].tags: chooses no tag: give "include", "semver", "latest" or "pulled_w'],
    [[DEBIAN, MANUAL, 'tags: { exclude: x }'], 'images[0].tags: chooses no tag: give "include", "semver", "latest" or'],
    [[DEBIAN, MANUAL, 'tags: { exclude: x }'], 'all of them is include: ["*"]'],
    [[DEBIAN, MANUAL, 'tags: 12.10'], 'images[0].tags: 12.1 is a number to YAML: write the tag in quotes, as "12.10"'],
    [[DEBIAN, MANUAL, 'tags: [12.10]'], 'images[0].tags[0]: 12.1 is a number to YAML: write the tag in quotes'],
    [
      [DEBIAN, MANUAL, 'tags: true'],
      'images[0].tags: true is not allowed here: it must be a list of tags, or a section',
    ],
    [
      [DEBIAN, MANUAL, 'tags: { include: "[x" }'],
      'images[0].tags.include: "[x" has a bracket or brace that is not whole',
    ],
    [[DEBIAN, MANUAL, 'tags: ["a}"]'], 'images[0].tags[0]: "a}" has a bracket or brace that is not whole'],
    [[DEBIAN, MANUAL, 'tags: ["[z-a]"]'], 'images[0].tags[0]: "[z-a]" has a bracket or brace that is not whole'],
    [[DEBIAN, MANUAL, 'tags: ["{a}"]'], 'images[0].tags[0]: "{a}" has one alternative only in its braces: write {a,b}'],
    [[DEBIAN, MANUAL, 'tags: ["/(/"]'], 'images[0].tags[0]: "/(/" is not a regular expression: Unterminated group'],
    [[DEBIAN, MANUAL, 'tags: ["/a)|(b/"]'], 'images[0].tags[0]: "/a)|(b/" is not a regular expression: Unmatched'],
    [[DEBIAN, MANUAL, 'tags: ["/a"]'], 'images[0].tags[0]: "/a" is half a regular expression'],
    [
      [DEBIAN, MANUAL, 'tags: ["!a"]'],
      'images[0].tags[0]: "!a" begins with "!": write what is not wanted under "exclu',
    ],
    [[DEBIAN, MANUAL, 'tags: ["a:b"]'], 'images[0].tags[0]: "a:b" holds what no tag can; allowed are "*" any'],
    [[DEBIAN, MANUAL, 'tags: [""]'], 'images[0].tags[0]: the pattern is empty; "*" stands for all tags'],
    [[DEBIAN, MANUAL, 'tags: ["*a*b*c*d*"]'], 'images[0].tags[0]: "*a*b*c*d*" has more than 4 "*"'],
    [[DEBIAN, MANUAL, 'tags: { semver: newest }'], 'images[0].tags.semver: "newest" is not a range of versions: write'],
    [[DEBIAN, MANUAL, 'tags: { semver: " " }'], 'images[0].tags.semver: the range is empty; "*" stands for all'],
    [[DEBIAN, MANUAL, 'tags: { semver: 11 }'], 'images[0].tags.semver: 11 is not text'],
    [[DEBIAN, MANUAL, 'tags: { latest: 0 }'], 'images[0].tags.latest: 0 is not a whole number of 1 to 10000'],
    [
      [DEBIAN, MANUAL, 'tags: { latest: 1, latest_of: major }'],
      'images[0].tags.latest_of: "major" is not allowed: it must be "all" or "minor"',
    ],
    [
      [DEBIAN, MANUAL, 'tags: { include: x, latest_of: all }'],
      'images[0].tags.latest_of: has a meaning only with "lat',
    ],
    [[DEBIAN, MANUAL, 'tags: { pulled_within: 5m }'], 'images[0].tags.pulled_within: "5m" is not a duration of 1h to'],
    [[DEBIAN, MANUAL, 'tags: { inclde: x }'], 'images[0].tags.inclde: unknown key; did you mean "include"?'],
    [
      [DEBIAN, TAGS, MANUAL, 'platforms: amd64'],
      'images[0].platforms: "amd64" is not a platform; did you mean "linux/am',
    ],
    [
      [DEBIAN, TAGS, MANUAL, 'platforms: [linux-arm64]'],
      '"linux-arm64" is not a platform; did you mean "linux/arm64"?',
    ],
    [
      [DEBIAN, TAGS, MANUAL, 'platforms: [linux/x86_64]'],
      'images[0].platforms[0]: "linux/x86_64" is not a platform; did',
    ],
    [
      [DEBIAN, TAGS, MANUAL, 'platforms: [linux/aarch64]'],
      '"linux/aarch64" is not a platform; did you mean "linux/arm64"?',
    ],
    [[DEBIAN, TAGS, MANUAL, 'platforms: [armhf]'], '"armhf" is not a platform; did you mean "linux/arm/v7"?'],
    [[DEBIAN, TAGS, MANUAL, 'platforms: [a/b/c/d]'], '"a/b/c/d" is not a platform: write system and architecture'],
    [[DEBIAN, TAGS, MANUAL, 'referrers: some'], 'images[0].referrers: "some" is not true or false'],
    [[DEBIAN, TAGS], 'images[0].schedule: is missing: write a cron expression, "manual", or "every: 4h" instead'],
    [[DEBIAN, TAGS, MANUAL, 'every: 4h'], 'images[0].every: cannot stand beside "schedule": choose one'],
    [[DEBIAN, TAGS, MANUAL, 'timezone: UTC'], 'images[0].timezone: has a meaning only for a cron expression'],
    [[DEBIAN, TAGS, 'schedule: daily'], 'images[0].schedule: "daily" is not a cron expression: it has 1 field'],
    [[DEBIAN, TAGS, MANUAL, 'platform: linux/amd64'], 'images[0].platform: unknown key; did you mean "platforms"?'],
    [[DEBIAN, TAGS, MANUAL, 'upstream: x'], 'images[0].upstream: unknown key; allowed here: from, as, title'],
    [[DEBIAN, TAGS, MANUAL, 'stall: 0s'], 'images[0].stall: "0s" is not a duration of 1s to 1d'],
  ])('refuse an image with %j: %s', (lines, sentence) =>
    expect(problems(() => image(...lines)).join('\n')).toContain(sentence),
  );

  test('refuse two images of one name', () => {
    const text = `${REGISTRIES}
images:
  - { from: docker.io/debian, tags: "12", schedule: manual }
  - { from: quay.io/a/b, tags: "12", schedule: manual }
  - { from: docker.io/library/debian, tags: "13", schedule: manual }
  - { from: docker.io/x, as: quay.io/a/b, tags: "13", schedule: manual }
  - { from: quay.io/x, as: quay.io/a/b, tags: "13", schedule: manual }
`;
    expect(problems(() => parse(text))).toEqual([
      'images[2].from: "docker.io/library/debian" is images[0] already; give it another name with "as" (line 7)',
      'images[3].as: "quay.io/a/b" begins with another registry, "quay.io", whose names are its own (line 8)',
      'images[3].as: "quay.io/a/b" is images[1] already; give it another name with "as" (line 8)',
      'images[4].as: "quay.io/a/b" is images[1] already; give it another name with "as" (line 9)',
    ]);
  });

  test('refuse what is not a list of images', () => {
    expect(problems(() => parse('images: { from: x }'))).toEqual(['images: {"from":"x"} is not a list (line 1)']);
    expect(problems(() => parse('images: [x]'))).toEqual(['images[0]: "x" is not a section of keys (line 1)']);
  });
});
