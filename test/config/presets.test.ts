import { readFileSync } from 'node:fs';
import picomatch from 'picomatch';
import { describe, expect, test } from 'vitest';
import { keyringRemedy } from '../../config/keyrings.js';
import { findPreset, parsePreset, presetIds } from '../../config/presets.js';
import type { RawPreset } from '../../config/preset-schema.js';
import { parseUpstream } from '../../core/upstream.js';
import { VERIFIER_KINDS } from '../../core/verify.js';
import { mirror, problems } from './parsing.js';

const IDS = presetIds();

/** What the facts that were collected say: runs a day (recommended, at most, at least), gigabytes; null is unknown. */
const NUMBERS: Readonly<Record<string, readonly [number | null, number | null, number | null, number | null]>> = {
  debian: [null, null, null, 4500],
  ubuntu: [4, null, null, 3600],
  'ubuntu-releases': [1, null, null, 50],
  fedora: [null, null, null, 1400],
  epel: [null, null, null, 140],
  'centos-stream': [null, null, null, 400],
  rocky: [6, 24, null, 2000],
  almalinux: [8, null, 2, 1000],
  'almalinux-kitten': [8, null, 2, null],
  opensuse: [null, null, null, 3000],
  archlinux: [null, 24, 1, 64],
  manjaro: [null, null, 1, null],
  alpine: [24, null, null, 2222],
  'gentoo-distfiles': [6, null, null, 800],
  slackware: [null, null, null, 200],
  freebsd: [null, null, 1, 1400],
  netbsd: [null, null, null, 250],
  apache: [4, 6, 4, 110],
  gnu: [1, null, 1, 46],
  nongnu: [1, null, 1, null],
  gnome: [3, null, 2, 30],
  kde: [null, null, null, 520],
  videolan: [24, null, 4, 70],
  libreoffice: [null, null, null, 60],
  eclipse: [null, null, null, 2000],
  ctan: [1, null, 1, 42],
  cran: [1, 2, 0.29, 410],
  cpan: [1, 2, null, null],
  qt: [1, null, null, 2500],
  mariadb: [4, null, 2, null],
  jenkins: [24, null, 24, 600],
  kodi: [12, null, 1, 70],
  tails: [24, 36, null, null],
};

/** What must be confirmed, by how the project stands. */
const CONFIRMED = { closed: 'closed', discouraged: 'discouraged', registration: 'registration' } as const;

function known(value: number | 'unknown'): number | null {
  return value === 'unknown' ? null : value;
}

/** A configuration entry of the preset that gives nothing else, or its first source where the preset names no single one. */
function entry(id: string): ReturnType<typeof mirror> {
  const preset = findPreset(id);
  const [source] = preset.sources;
  const upstream =
    'upstream' in preset.mirror ? [] : [`upstream: "${source?.url.replaceAll('{country}', 'de') ?? ''}"`];
  return mirror(`preset: ${id}`, ...upstream);
}

describe('presets', () => {
  test('are at least as many as are wanted', () => {
    expect(IDS.length).toBeGreaterThanOrEqual(45);
  });

  test.each(IDS)('%s can be read and is all that a mirror needs', (id) => {
    const read = entry(id);
    expect(read.preset).toBe(id);
    expect(read.schedule.kind).not.toBe('manual');
    expect(read.title).not.toBe('m');
    expect(read.description).not.toBe('');
    expect(read.stages.at(-1)?.delete === true || read.stages.some((stage) => stage.delete)).toBe(true);
  });

  test.each(IDS)('%s takes nothing from where it is forbidden', (id) => {
    const { forbidden, mirror: given } = findPreset(id);
    const hosts = forbidden.flatMap(({ host }) => (host === undefined ? [] : [host.toLowerCase()]));
    const upstream = given['upstream'];
    if (upstream === undefined) return;
    if (typeof upstream !== 'string') throw new Error('the upstream of a preset is one text');
    expect(hosts).not.toContain(parseUpstream(upstream).host.toLowerCase());
    // what is taken without a choice is open to all, and among the sources that are told
    const source = findPreset(id).sources.find(({ url }) => url === upstream);
    expect(source).toMatchObject({ access: 'open' });
  });

  test.each(IDS)('%s says where each of its fields comes from', (id) => {
    const { provenance, policy, mirror: given, ...rest } = findPreset(id);
    const always = ['status', 'sources', 'size', 'signature'];
    const ofPolicy = Object.entries(policy).filter(([, value]) => !Array.isArray(value) || value.length > 0);
    const others = (['forbidden', 'help', 'downloads', 'select'] as const).filter(
      (key) => Object.keys(rest[key]).length > 0,
    );
    const ofMirror = Object.keys(given).filter((key) => key !== 'title' && key !== 'description');
    const wanted = [
      ...[...always, ...others],
      ...ofPolicy.map(([key]) => `policy.${key}`),
      ...ofMirror.map((key) => `mirror.${key}`),
    ];
    expect(wanted.filter((field) => !(field in provenance))).toEqual([]);
    // what is unknown says so, and what is said is not from nowhere
    for (const [key, value] of ofPolicy)
      expect([key, provenance[`policy.${key}`]?.basis === 'unknown']).toEqual([key, value === 'unknown']);
    expect(provenance['size']?.basis === 'unknown').toBe(rest.size === 'unknown');
  });

  test.each(IDS)('%s has the numbers that were collected, and no others', (id) => {
    const { policy, size } = findPreset(id);
    const bytes = size === 'unknown' ? null : Math.round(size.bytes / 1e9);
    const found = [known(policy.recommended_per_day), known(policy.max_per_day), known(policy.min_per_day), bytes];
    expect(found).toEqual(NUMBERS[id] ?? [null, null, null, null]);
  });

  test.each(IDS)('%s lets a mirror run no more often than is allowed, and as often as is asked', (id) => {
    const { policy } = findPreset(id);
    const { schedule } = entry(id);
    if (schedule.kind !== 'every') return;
    const perDay = 86_400 / schedule.seconds;
    expect(perDay).toBeLessThanOrEqual(known(policy.max_per_day) ?? Infinity);
    expect(perDay).toBeGreaterThanOrEqual(known(policy.min_per_day) ?? 0);
  });

  test.each(IDS)('%s asks for what its status makes necessary', (id) => {
    const { status, confirm, notices } = findPreset(id);
    if (status in CONFIRMED) expect(confirm).toContain(CONFIRMED[status as keyof typeof CONFIRMED]);
    if (confirm.length > 0) expect(notices).not.toEqual([]);
  });

  test.each(IDS)('%s is verified as what it is', (id) => {
    const { verify } = entry(id);
    const kind = findPreset(id).kind === 'iso' ? 'checksums' : findPreset(id).kind;
    const isVerified = VERIFIER_KINDS.some((known) => known === kind);
    expect(verify.kinds).toEqual(isVerified ? [kind] : []);
    // an archive whose keys no Debian package has is not held back before an operator has put them there
    const isHeldBack = verify.mode === 'enforce' && verify.kinds.includes('apt');
    expect(
      isHeldBack ? verify.keyrings.every((keyring) => keyringRemedy(keyring).includes('apt-get install')) : true,
    ).toBe(true);
  });

  test.each(IDS)('%s calls instructions what the program that tries them out reads', (id) => {
    const forms = { ini: /^baseurl=\{\{endpoint\}\}\//m, pacman: /^Server = \{\{endpoint\}\}\//m };
    for (const { lang, body } of findPreset(id).help)
      if (lang in forms) expect(body).toMatch(forms[lang as keyof typeof forms]);
  });

  test('stand in the documentation, each with its name', () => {
    const page = readFileSync(new URL('../../docs/presets.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `([a-z0-9-]+)` +\| (.+?) +\| ([a-z-]+) +\|/gm)].map(([, id, name, status]) => ({
      id,
      name,
      status,
    }));
    expect(rows).toEqual(IDS.map(findPreset).map(({ id, name, status }) => ({ id, name, status })));
  });
});

describe('what is downloaded', () => {
  test.each<[string, string, Readonly<Record<string, string | undefined>>]>([
    [
      'debian',
      'dists/trixie/main/installer-amd64/current/images/netboot/mini.iso',
      { version: 'trixie', arch: 'amd64' },
    ],
    [
      'debian-cd',
      '13.2.0/amd64/iso-cd/debian-13.2.0-amd64-netinst.iso',
      { version: '13.2.0', arch: 'amd64', kind: 'netinst' },
    ],
    [
      'ubuntu-releases',
      'noble/ubuntu-24.04.3-live-server-amd64.iso',
      { version: '24.04.3', arch: 'amd64', kind: 'live-server' },
    ],
    [
      'kali-images',
      'kali-2025.3/kali-linux-2025.3-installer-amd64.iso',
      { version: '2025.3', arch: 'amd64', kind: 'installer' },
    ],
    [
      'linuxmint-images',
      'linuxmint/stable/22.1/linuxmint-22.1-cinnamon-64bit.iso',
      { version: '22.1', kind: 'cinnamon' },
    ],
    [
      'fedora',
      'linux/releases/42/Server/x86_64/iso/Fedora-Server-netinst-x86_64-42-1.1.iso',
      { version: '42', arch: 'x86_64', kind: 'Server-netinst' },
    ],
    [
      'centos-stream',
      '10-stream/BaseOS/x86_64/iso/CentOS-Stream-10-latest-x86_64-boot.iso',
      { version: '10', kind: 'boot' },
    ],
    ['rocky', '9/isos/x86_64/Rocky-9.6-x86_64-minimal.iso', { version: '9.6', arch: 'x86_64', kind: 'minimal' }],
    ['almalinux', '9/isos/aarch64/AlmaLinux-9.6-aarch64-boot.iso', { version: '9.6', arch: 'aarch64', kind: 'boot' }],
    ['opensuse', 'tumbleweed/iso/openSUSE-Tumbleweed-NET-x86_64-Current.iso', { version: 'Current', kind: 'NET' }],
    ['archlinux', 'iso/2026.11.01/archlinux-2026.11.01-x86_64.iso', { version: '2026.11.01', arch: 'x86_64' }],
    [
      'alpine',
      'v3.22/releases/x86_64/alpine-virt-3.22.1-x86_64.iso',
      { version: '3.22.1', arch: 'x86_64', kind: 'virt' },
    ],
    [
      'gentoo-distfiles',
      'releases/amd64/autobuilds/current-install-amd64-minimal/install-amd64-minimal-20261122T170000Z.iso',
      { version: '20261122T170000Z' },
    ],
    [
      'voidlinux',
      'live/current/void-live-x86_64-musl-20250202-base.iso',
      { arch: 'x86_64-musl', version: '20250202', kind: 'base' },
    ],
    ['slackware', 'slackware64-15.0-iso/slackware64-15.0-install-dvd.iso', { version: '15.0', kind: 'dvd' }],
    [
      'freebsd',
      'releases/ISO-IMAGES/14.3/FreeBSD-14.3-RELEASE-amd64-disc1.iso',
      { version: '14.3', arch: 'amd64', kind: 'disc1' },
    ],
    ['openbsd', '7.8/amd64/install78.iso', { version: '7.8', arch: 'amd64', kind: 'install' }],
    ['netbsd', 'NetBSD-10.1/images/NetBSD-10.1-amd64.iso', { version: '10.1', arch: 'amd64' }],
    ['tails', 'stable/tails-amd64-7.2/tails-amd64-7.2.img', { version: '7.2', arch: 'amd64', kind: 'img' }],
    [
      'libreoffice',
      'libreoffice/stable/25.8.3/win/x86_64/LibreOffice_25.8.3_Win_x86-64.msi',
      { version: '25.8.3', kind: 'win', arch: 'x86_64' },
    ],
    ['videolan', 'vlc/last/win64/vlc-3.0.21-win64.exe', { version: '3.0.21', arch: 'win64', kind: 'exe' }],
    ['blender', 'release/Blender4.5/blender-4.5.3-linux-x64.tar.xz', { version: '4.5.3', kind: 'linux', arch: 'x64' }],
    ['cran', 'bin/windows/base/R-4.5.2-win.exe', { version: '4.5.2', kind: 'windows' }],
    ['ctan', 'systems/texlive/Images/texlive2026.iso', { version: '2026' }],
    ['gimp', 'v3.0/windows/gimp-3.0.4-setup.exe', { version: '3.0.4', kind: 'windows' }],
  ])('%s: %s', (id, path, groups) => {
    const found = findPreset(id).downloads.flatMap(({ files, match }) => {
      const parts = picomatch(files)(path) ? new RegExp(match).exec(path) : null;
      return parts ? [parts.groups] : [];
    });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject(groups);
  });
});

describe('parsePreset', () => {
  const written = readFileSync(new URL('../../config/presets/alpine.yaml', import.meta.url), 'utf8');

  test.each<[string, RegExp, string, string]>([
    ['an unknown key', /^category:/m, 'categry:', 'categry: unknown key; did you mean "category"? (line 2)'],
    ['a status that is none', /^status: open/m, 'status: maybe', 'status: "maybe" is not allowed: it must be "open"'],
    [
      'a number that is none',
      /max_per_day: unknown/,
      'max_per_day: often',
      'policy.max_per_day: "often" is not allowed here: it must be a number of runs a day, or unknown',
    ],
    ['a key of a mirror', /stages:|every: 1h/, 'every: 1x', 'mirror.every: "1x" is not a duration of 1m to 366d'],
    [
      'a variable of a help block',
      /\{\{branch\}\}\/main/,
      '{{brnch}}/main',
      'help[0].body: uses "{{brnch}}": known are {{endpoint}}, {{rsync}}, {{branch}}',
    ],
    ['a group of a download', /\(\?<kind>/, '(?<sort>', 'names a group "sort": allowed are version, arch, kind'],
    [
      'a source',
      /rsync:\/\/rsync\.alpinelinux\.org\/alpine\/'/,
      "ftp://x/'",
      'sources[0].url: "ftp://x/" is of an unknown kind',
    ],
    ['a choice', /\[aarch64,/, '["a/b",', 'select.arch.values[0]: "a/b" is not a choice'],
    ['a date', /collected: '2026-11-23'/, "collected: '2026-23-11'", 'collected: "2026-23-11" is not a date'],
  ])('refuses %s with one sentence', (_what, find, put, sentence) => {
    const text = written.replace(find, put);
    expect(text).not.toBe(written);
    expect(problems(() => parsePreset('alpine', text)).join('\n')).toContain(sentence);
  });

  test('tells the nearest name of a preset that is not there', () => {
    expect(() => findPreset('debain')).toThrow('"debain" is not the name of a preset; the nearest is "debian"');
  });

  test('keeps what it has read', () => {
    const first: RawPreset = findPreset('alpine');
    expect(findPreset('alpine')).toBe(first);
  });
});
