import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadSettings } from '../../config/load.js';
import type { HttpListen, ListenAddress, Settings } from '../../config/settings.js';
import { NO_VERIFY_RULE } from '../../core/verify.js';
import { NO_LIMITS } from '../../core/zone.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { FILE, mirror, parse, problems } from './parsing.js';

const UPSTREAM = 'upstream: rsync://ftp.example.org/m/';
const MANUAL = 'schedule: manual';

function plain(address: ListenAddress): HttpListen {
  return { address, mode: 0o660, proxyProtocol: false };
}

/** What a mirror has that says nothing of presets and markers, and a marker that says nothing but its path. */
const UNMARKED = {
  ...{ marker: null, markerEvery: 900, origin: null, heartbeat: null, waitWhile: null },
  ...{ pace: null, trace: null, fileList: null, keep: null },
  ...{ preset: null, selected: {}, confirmed: [], selection: [], protect: [] },
};
const GUARD = { maxDelete: 0.5, maxDeleteFiles: null, maxDeleteBytes: null, maxShrink: 0.5, maxTouched: 0.9 };
const MARKER = { parser: 'text', field: null, meaning: 'content', url: null } as const;

describe('parseSettings', () => {
  test('fills in every default', () => {
    expect(parse('mirrors: {}')).toEqual({
      file: FILE,
      ...{ accessLog: null, frontLog: null, help: { check: 'daily' } },
      site: { name: 'Software mirror', url: null, contact: null, mirrorz: null },
      data: '/etc/example/data',
      listen: {
        http: [plain({ kind: 'tcp', host: '127.0.0.1', port: 8080 })],
        https: [],
        connections: null,
        rsync: null,
      },
      sync: {
        concurrency: 4,
        perHost: 2,
        jitter: 300,
        reserve: { share: 0.05 },
        bandwidth: null,
        keep: { runs: 30, days: 90 },
      },
      files: { hashOver: 100_000_000, hashRate: 25_000_000 },
      zones: new Map(),
      proxies: { trusted: [], header: 'x-forwarded-for' },
      mirrors: new Map(),
      registries: new Map(),
      images: new Map(),
      registry: {
        push: [],
        immutable: [],
        retention: [],
        maxManifest: 4_194_304,
        scrub: { rate: 25_000_000 },
        keep: { untagged: 604_800, history: 10, grace: 86_400 },
      },
      workers: 0,
      grace: 30,
    });
    expect(mirror(UPSTREAM, MANUAL)).toEqual({
      name: 'm',
      title: 'm',
      description: '',
      kind: 'rsync',
      upstreams: ['rsync://ftp.example.org/m/'],
      sshKey: null,
      sshPort: null,
      password: null,
      schedule: { kind: 'manual' },
      stages: [{ name: 'all', include: [], exclude: [], delete: true, options: [] }],
      exclude: [],
      timeout: 43_200,
      stall: 900,
      retry: { attempts: 5, firstBackoff: 60, maxBackoff: 3_600 },
      ...{ frozen: false, publish: 'slots' },
      verify: NO_VERIFY_RULE,
      guard: GUARD,
      ...UNMARKED,
      sources: [],
      read: null,
    });
  });

  test('reads every key', () => {
    const settings = parse(`
site: { name: Example, url: "https://mirror.example.edu/", contact: mirror@example.edu }
data: /srv/millpond
keyrings: /srv/keys
statistics: { front_log: nginx.log }
help: { check: never }
listen:
  http: ":8080"
  https: { address: ":443", cert: a.pem, key: /k/a.key }
  connections: 5000
  rsync: { address: ":873", max_connections: 20, idle: 1m, checksum: true }
workers: 3
zones: { campus: { networks: ["192.0.2.0/24", "2001:db8::/32"] } }
proxies: { trusted: "unix:", header: forwarded }
grace: 1m
files: { hash_over: never, hash_rate: 1GB/s }
sync: { concurrency: 8, per_host: 1, jitter: 0s, reserve: 500GB, bandwidth: 2Gbit/s, keep: { runs: 5, days: 7 } }
registry:
  push: ["lab/*", hosted/**]
  immutable: v*
  retention:
    - { repositories: lab/**, tags: ["nightly-*"], keep_newest: 10, older_than: 30d }
    - { repositories: [lab/ci/*], unpulled_for: 90d }
  max_manifest: 16MiB
  scrub: { rate: 100MB/s }
  keep: { untagged: 1h, history: 0, grace: 2h }`);
    expect(settings).toEqual({
      file: FILE,
      ...{ accessLog: null, frontLog: '/etc/example/nginx.log', help: { check: 'never' } },
      site: { name: 'Example', url: 'https://mirror.example.edu', contact: 'mirror@example.edu', mirrorz: null },
      data: '/srv/millpond',
      listen: {
        http: [plain({ kind: 'tcp', host: '', port: 8080 })],
        https: [
          {
            ...plain({ kind: 'tcp', host: '', port: 443 }),
            certificates: [{ cert: '/etc/example/a.pem', key: '/k/a.key' }],
            hsts: null,
          },
        ],
        connections: 5000,
        rsync: { address: { host: '', port: 873 }, maxConnections: 20, idle: 60, checksum: true },
      },
      workers: 3,
      grace: 60,
      sync: {
        concurrency: 8,
        perHost: 1,
        jitter: 0,
        reserve: { bytes: 500_000_000_000 },
        bandwidth: 250_000_000,
        keep: { runs: 5, days: 7 },
      },
      files: { hashOver: null, hashRate: 1_000_000_000 },
      zones: new Map([['campus', { name: 'campus', networks: ['192.0.2.0/24', '2001:db8::/32'], limits: NO_LIMITS }]]),
      proxies: { trusted: ['unix:'], header: 'forwarded' },
      mirrors: new Map(),
      registries: new Map(),
      images: new Map(),
      registry: {
        push: ['lab/*', 'hosted/**'],
        immutable: ['v*'],
        retention: [
          {
            ...{ repositories: ['lab/**'], tags: ['nightly-*'] },
            ...{ keepNewest: 10, olderThan: 2_592_000, unpulledFor: null },
          },
          {
            ...{ repositories: ['lab/ci/*'], tags: [] },
            ...{ keepNewest: null, olderThan: null, unpulledFor: 7_776_000 },
          },
        ],
        maxManifest: 16_777_216,
        scrub: { rate: 100_000_000 },
        keep: { untagged: 3_600, history: 0, grace: 7_200 },
      },
    });
  });

  test('reads every key of a mirror, with paths counted from the file', () => {
    const read = mirror(
      'title: Debian',
      'description: |',
      '  The universal',
      '  operating system',
      'upstream: ["rsync://bob@h/m", "bob@h:tree", "./tree", "/srv/tree"]',
      'ssh_key: ./key',
      'ssh_port: 2222',
      'password: { file: ../pw }',
      'schedule: " 17 */4 * * * "',
      'timezone: Europe/Berlin',
      'stages: one',
      'exclude: "*-arm64*"',
      'timeout: 1h30m',
      'stall: 90s',
      'retry: { attempts: 1, backoff: 1s..2s }',
      'publish: in-place',
      'marker: { path: project/trace/master, parser: date-line }',
      'guard: { max_delete: 10% }',
      'frozen: true',
      'sources: https://mirror.example.net/m/',
      'read: public',
    );
    expect(read).toEqual({
      name: 'm',
      title: 'Debian',
      description: 'The universal operating system',
      kind: 'rsync',
      upstreams: ['rsync://bob@h/m/', 'bob@h:tree/', '/etc/example/tree/', '/srv/tree/'],
      sshKey: '/etc/example/key',
      sshPort: 2222,
      password: { file: '/etc/pw' },
      schedule: { kind: 'cron', expression: '17 */4 * * *', timezone: 'Europe/Berlin' },
      stages: [{ name: 'all', include: [], exclude: [], delete: true, options: [] }],
      exclude: ['*-arm64*'],
      timeout: 5_400,
      stall: 90,
      retry: { attempts: 1, firstBackoff: 1, maxBackoff: 2 },
      ...{ frozen: true, publish: 'in-place' },
      verify: NO_VERIFY_RULE,
      guard: { ...GUARD, maxDelete: 0.1 },
      ...UNMARKED,
      marker: { ...MARKER, paths: ['project/trace/master'], parser: 'date-line' },
      sources: ['https://mirror.example.net/m/'],
      read: ['public'],
    });
  });

  test('reads stages of its own: unnamed ones are numbered, and only the last deletes unless it is said', () => {
    const read = mirror(UPSTREAM, MANUAL, 'stages: [{ exclude: TIME, options: -z }, { name: x, delete: true }, {}]');
    expect(read.stages).toEqual([
      { name: 'stage-1', include: [], exclude: ['TIME'], delete: false, options: ['-z'] },
      { name: 'x', include: [], exclude: [], delete: true, options: [] },
      { name: 'stage-3', include: [], exclude: [], delete: true, options: [] },
    ]);
  });

  test('takes a key without a value for one that is not given', () => {
    expect(parse('site:\nsync:\n  jitter:\nmirrors:')).toEqual(parse('mirrors: {}'));
  });

  test('keeps the order of mirrors, and shares settings by anchor and merge key', () => {
    const { mirrors } = parse(`
mirrors:
  zebra: &defaults { upstream: /srv/z, schedule: manual, timeout: 2h }
  389: { <<: *defaults, upstream: /srv/a }
  ant: { <<: *defaults }`);
    expect([...mirrors.keys()]).toEqual(['389', 'zebra', 'ant']);
    expect(mirrors.get('389')).toMatchObject({ upstreams: ['/srv/a/'], timeout: 7_200 });
  });

  test.each<[string, string]>([
    ['site: { url: ftp://x }', 'site.url: "ftp://x" is not a public address: write it as https://mirror.example.edu'],
    ['site: { url: "https://x/path" }', 'site.url: "https://x/path" is not a public address'],
    ['site: { name: "" }', 'site.name: "" is empty'],
    ['site: { name: "a\\nb" }', 'site.name: "a\\nb" holds a line break or another control character'],
    ['site: { name: 5 }', 'site.name: 5 is not text'],
    ['site: here', 'site: "here" is not a section of keys'],
    ['data: ""', 'data: the path is empty'],
    ['data: "~/x"', 'data: "~/x" begins with "~", which only a shell knows'],
    ['data: "a\\0b"', 'holds a control character'],
    ['data: /', 'data: "/" is not a data folder'],
    ['listen: { rsync: ":0" }', 'listen.rsync: ":0" is not an address for rsync: write it as :873'],
    ['listen: { rsync: { max_connections: 9 } }', 'listen.rsync.address: is missing'],
    [
      'listen: { rsync: ":873" }\nmirrors: { global: { upstream: /srv, every: 1h } }',
      'mirrors.global: "global" cannot be served over rsync',
    ],
    ['workers: -1', 'workers: -1 is not allowed here: it must be auto, or a whole number from 0 to 64'],
    ['workers: many', 'workers: "many" is not allowed here: it must be auto, or a whole number from 0 to 64'],
    ['grace: 30', 'grace: 30 is not a duration of 0s to 1d: write it as 90s, 15m, 1h30m or 7d'],
    ['grace: 25h', 'grace: "25h" is not a duration of 0s to 1d'],
    [
      'files: { hash_over: 1kB }',
      'files.hash_over: "1kB" is not a size of at least 1MB, or "never": write it as 100MB',
    ],
    ['files: { hash_rate: 1B/s }', 'files.hash_rate: "1B/s" is not a rate of 1MB/s to 10GB/s: write it as 25MB/s'],
    ['sync: { concurrency: 0 }', 'sync.concurrency: 0 is not a whole number of 1 to 256'],
    ['sync: { per_host: 1.5 }', 'sync.per_host: 1.5 is not a whole number of 1 to 256'],
    ['sync: { reserve: 100% }', 'sync.reserve: "100%" is not a share below 100%, or a size: write it as 5% or 500GB'],
    ['sync: { reserve: 5G }', 'sync.reserve: "5G" is not a share below 100%, or a size'],
    ['sync: { bandwidth: fast }', 'sync.bandwidth: "fast" is not a rate of at least 1kB/s: write it as 2Gbit/s'],
    ['sync: { bandwidth: 100B/s }', 'sync.bandwidth: "100B/s" is not a rate of at least 1kB/s'],
    ['sync: { keep: { days: x } }', 'sync.keep.days: "x" is not a whole number of 0 to 36500'],
    ['mirrors: [a]', 'mirrors: ["a"] is not a section of keys'],
    ['mirrors: { status: { upstream: /x, schedule: manual } }', 'mirrors.status: "status" is reserved for a page'],
    ['mirrors: { Up: { upstream: /x, schedule: manual } }', 'mirrors.Up: "Up" is not a mirror name: 1 to 64 of a-z'],
    ['mirrors: { "a/../b": { upstream: /x, schedule: manual } }', 'mirrors."a/../b": "a/../b" is not a mirror name'],
    ['mirrors: { m: }', 'mirrors.m: is missing'],
    ['mirrors: { m: { upstream: /etc, schedule: manual } }', 'mirrors.m.upstream: "/etc/" holds the data folder'],
    ['mirrors: { m: { upstream: /, schedule: manual } }', 'mirrors.m.upstream: "/" holds the data folder'],
    [
      'concurency: 1',
      'concurency: unknown key; allowed here: site, data, keyrings, listen, workers, sync, files, access_log, statistics, help, grace, zones, proxies, mirrors, registries, ',
    ],
    ['sync: { concurency: 1 }', 'sync.concurency: unknown key; did you mean "concurrency"?'],
    ['hello', '"hello" is not a section of keys'],
    ['[1]', '[1] is not a section of keys'],
  ])('refuses %s: %s', (text, sentence) => expect(problems(() => parse(text)).join('\n')).toContain(sentence));

  test('tells all problems at once, in the order of the file, with their lines', () => {
    const text = `mirrors:
  debian:
    upstream: rsync://h/m/
    schedule: "61 25 * * *"
    shedule: x
  api:
    every: 5
data: 5
`;
    expect(problems(() => parse(text))).toEqual([
      'mirrors.debian.schedule: "61 25 * * *" is not a cron expression: minute must be 0-59; hour must be 0-23 (line 4)',
      'mirrors.debian.shedule: unknown key; did you mean "schedule"? (line 5)',
      'mirrors.api.upstream: is missing (line 6)',
      'mirrors.api: "api" is reserved for a page of Millpond; choose another name (line 6)',
      'mirrors.api.every: 5 is not a duration of 1m to 366d: write it as 90s, 15m, 1h30m or 7d (line 7)',
      'data: 5 is not text (line 8)',
    ]);
  });

  test('finds the line of a value behind an anchor', () => {
    const text = 'mirrors:\n  a: &a { upstream: /x, every: 1h,\n    stall: 5 }\n  b: *a\n';
    expect(problems(() => parse(text))).toEqual([
      expect.stringMatching(/^mirrors\.a\.stall: 5 .*\(line 3\)$/),
      expect.stringMatching(/^mirrors\.b\.stall: 5 .*\(line 3\)$/),
    ]);
  });

  test('tells no more than fifty problems', () => {
    const told = problems(() => parse(Array.from({ length: 60 }, (_, index) => `unknown${index}: 1`).join('\n')));
    expect(told).toHaveLength(51);
    expect(told.at(-1)).toBe('and 10 more');
  });

  test('cuts long values and quotes odd keys', () => {
    expect(problems(() => parse(`workers: ${'x'.repeat(500)}`)).join('')).toMatch(/^workers: "x{118}… is not allowed/);
    expect(problems(() => parse('"a\\nb c": 1'))).toEqual([expect.stringContaining('"a\\nb c": unknown key')]);
  });

  test.each<[string, string]>([
    ['', 'it is empty'],
    [' \n\t', 'it is empty'],
    ['# nothing\n', 'it holds nothing but comments'],
    ['data: a\nworkers: 0\ndata: b', 'line 3, column 1: the key "data" is given twice'],
    ['{ "data": a, "data": b }', 'line 1, column 14: the key "data" is given twice'],
    ["'data': a\n'data': b", 'line 2, column 1: the key "data" is given twice'],
    ['data: [a', 'line 1, column 9: Flow sequence'],
    ['data: a\n---\ndata: b', 'line 2, column 1: a second document begins; a configuration is one'],
    ['data: !shell x', 'line 1, column 7: Unresolved tag: !shell'],
    ['data: *x', 'Unresolved alias'],
    ['__proto__: { data: x }', 'line 1, column 1: the key "__proto__" is not allowed'],
    ['mirrors: { __proto__: { upstream: /x } }', 'line 1, column 12: the key "__proto__" is not allowed'],
    ['? [a]\n: b', 'line 1, column 3: With stringKeys, all keys must be strings'],
  ])('refuses the text %j: %s', (text, sentence) => {
    expect(problems(() => parse(text))).toEqual(expect.arrayContaining([expect.stringContaining(sentence)]));
  });

  test('refuses a text that is nested too deeply', () => {
    expect(problems(() => parse(`data: ${'['.repeat(20_000)}`))).toEqual(['it is nested too deeply']);
  });

  test('refuses a few aliases that stand for very many', () => {
    const row = (name: string, of: string): string => `${name}: &${name} [${Array(9).fill(of).join(', ')}]`;
    const text = [row('a', 'x'), ...['b', 'c', 'd', 'e'].map((each, index) => row(each, `*${'abcd'.charAt(index)}`))];
    expect(problems(() => parse(text.join('\n')))).toEqual(['it refers to anchors more than 1000 times']);
  });
});

describe('loadSettings', () => {
  test('reads a file, with or without a byte order mark', async () => {
    const folder = await tempFolder();
    const file = join(folder, 'millpond.yaml');
    await writeFile(file, '\uFEFFdata: d\n');
    expect(loadSettings(file)).toMatchObject({ file, data: join(folder, 'd') });
  });

  test('says that a file does not exist, and how to write one', () => {
    const read = (): Settings => loadSettings('/nowhere/millpond.yaml');
    expect(read).toThrow('the configuration "/nowhere/millpond.yaml" does not exist');
    expect(read).toThrow(expect.objectContaining({ code: 'not-found', hint: 'Write one with: millpond init' }));
  });

  test('says that a file cannot be read', async () => {
    const file = join(await tempFolder(), 'loop.yaml');
    await symlink(file, file);
    expect(() => loadSettings(file)).toThrow(`the configuration "${file}" cannot be read (ELOOP)`);
  });

  test('refuses a folder, a file over 1 MiB, and one that is not UTF-8', async () => {
    const folder = await tempFolder();
    const file = join(folder, 'millpond.yaml');
    expect(problems(() => loadSettings(folder))).toEqual(['it is not a regular file']);
    await writeFile(file, `#${'x'.repeat(1024 * 1024)}`);
    expect(problems(() => loadSettings(file))).toEqual(['it is larger than 1 MiB (1048577 bytes)']);
    await writeFile(file, Buffer.from('data: \xff', 'latin1'));
    expect(problems(() => loadSettings(file))).toEqual(['it is not UTF-8 text']);
  });
});
