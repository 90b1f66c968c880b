import { describe, expect, test } from 'vitest';
import { findPreset, presetIds } from '../../config/presets.js';
import { readMarker } from '../../core/marker.js';
import type { TreeMirror } from '../../core/mirror.js';
import { mirror } from './parsing.js';

const EPOCH = '1795492861\n';
const AT = '2026-11-24T04:01:01.000Z';
const RELEASE = `Origin: Example
Suite: stable
Date: Tue, 24 Nov 2026 04:01:01 UTC
Valid-Until: Tue, 01 Dec 2026 04:01:01 UTC
SHA256:
 aa 12 main/binary-amd64/Packages
`;
const FREE = 'Tue Nov 24 04:01:01 UTC 2026\n';

/** What the marker of each preset looks like at its upstream, and the time that is in it. */
const SAMPLES: Readonly<Record<string, readonly [content: string, time: string]>> = {
  debian: ['Date: Tue, 24 Nov 2026 04:01:01 +0000\nArchive serial: 2026112401\n', AT],
  'debian-security': ['Date: Tue, 24 Nov 2026 04:01:01 +0000\n', AT],
  'debian-cd': [FREE, AT],
  raspbian: [RELEASE, AT],
  'raspberrypi-os': [RELEASE, AT],
  ubuntu: [FREE, AT],
  'ubuntu-releases': [FREE, AT],
  'ubuntu-ports': [RELEASE, AT],
  linuxmint: [RELEASE, AT],
  kali: [EPOCH, AT],
  fedora: ['[Version]\n2\n\n[Files]\n', AT],
  epel: ['[Version]\n2\n\n[Files]\n', AT],
  rocky: ['[Version]\n2\n\n[Files]\n', AT],
  'centos-stream': ['1795492861 more\n', AT],
  archlinux: [EPOCH, AT],
  manjaro: ['###\nid=abc\nstate=2\nbranch=stable\ndate=2026-11-24T04:01:01Z\n', AT],
  alpine: [EPOCH, AT],
  'gentoo-distfiles': [EPOCH, AT],
  'gentoo-portage': ['Tue, 24 Nov 2026 04:01:01 +0000\n', AT],
  voidlinux: ['1795492861', AT],
  freebsd: ['1795492861 Tue Nov 24 04:01:01 UTC 2026\n', AT],
  openbsd: [EPOCH, AT],
  apache: [EPOCH, AT],
  gnu: [EPOCH, AT],
  'kde-applicationdata': [EPOCH, AT],
  libreoffice: [EPOCH, AT],
  eclipse: [EPOCH, AT],
  ctan: ['written every hour\n2026-11-24-04-01\n', '2026-11-24T04:01:00.000Z'],
  cpan: ['{"meta":{"Producers":{"time":1795492861.25},"interval":"1h"},"recent":[]}', '2026-11-24T04:01:01.250Z'],
  qt: [EPOCH, AT],
  postgresql: [FREE, AT],
  mariadb: [EPOCH, AT],
  tails: [EPOCH, AT],
};

function entry(id: string): TreeMirror {
  const preset = findPreset(id);
  const given = 'upstream' in preset.mirror ? [] : ['upstream: rsync://host/module/'];
  return mirror(`preset: ${id}`, ...given);
}

const WITH_MARKER = presetIds().filter((id) => 'marker' in findPreset(id).mirror);

describe('the marker of a preset', () => {
  test('has a sample here where there is one', () => {
    expect(Object.keys(SAMPLES).sort()).toEqual([...WITH_MARKER].sort());
  });

  test.each(Object.entries(SAMPLES))('%s reads its sample', (id, [content, time]) => {
    const { marker } = entry(id);
    if (!marker) throw new Error(`${id} has no marker`);
    const read = readMarker({ content: Buffer.from(content), modifiedAt: Date.parse(AT) }, marker);
    expect(read.time === null ? null : new Date(read.time).toISOString()).toBe(time);
  });

  test('is a gate only where it tells of the whole tree', () => {
    const gates = WITH_MARKER.filter((id) => entry(id).marker?.meaning === 'content');
    const others = WITH_MARKER.filter((id) => !gates.includes(id));
    // one suite of several, a file whose name changes with the server, or one that is written every minute
    expect(others.sort()).toEqual(
      ['linuxmint', 'raspberrypi-os', 'raspbian', 'ubuntu', 'ubuntu-ports', 'ubuntu-releases', 'voidlinux'].sort(),
    );
  });

  test('is beside a heartbeat and an origin where there are such', () => {
    const having = (key: string): string[] => presetIds().filter((id) => key in findPreset(id).mirror);
    expect(having('heartbeat')).toEqual(['archlinux']);
    expect(having('origin')).toEqual(['apache', 'debian']);
    expect(having('file_list')).toEqual(['epel', 'fedora', 'rocky']);
  });
});

describe('the pace of a preset', () => {
  test.each(presetIds())('%s holds what the project allows at most', (id) => {
    const { policy } = findPreset(id);
    expect(entry(id).pace?.maxPerDay ?? 'unknown').toBe(policy.max_per_day);
  });

  test('keeps off the full hour where the project says so', () => {
    const minutes = presetIds().flatMap((id) => {
      const found = entry(id).pace?.minutes;
      return found ? [[id, found] as const] : [];
    });
    expect(minutes).toEqual([
      ['apache', { from: 5, to: 55 }],
      ['rocky', { from: 5, to: 55 }],
    ]);
  });
});
