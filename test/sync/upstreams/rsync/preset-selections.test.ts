import { describe, expect, test } from 'vitest';
import { findPreset, presetIds } from '../../../../config/presets.js';
import { fill, mirrorOf, pullAll, scene } from './preset-scene.js';

/** Of each selection: what is chosen, what stays of a tree, and what does not come. */
const SELECTIONS: readonly [id: string, select: Record<string, string[]>, stays: string[], goes: string[]][] = [
  [
    'debian',
    { arch: ['amd64'], suites: ['trixie'] },
    [
      ...[
        'dists/trixie/InRelease',
        'dists/trixie/main/binary-amd64/Packages.xz',
        'dists/trixie/main/binary-all/Packages.xz',
      ],
      ...[
        'dists/trixie/main/source/Sources.xz',
        'dists/trixie/main/Contents-amd64.gz',
        'dists/trixie-updates/InRelease',
      ],
      ...[
        'dists/trixie-backports/main/binary-amd64/Packages.xz',
        'dists/README',
        'dists/trixie/main/dep11/Components-amd64.yml.gz',
      ],
      ...[
        'dists/trixie/main/installer-amd64/current/images/udeb.list',
        'pool/main/a/a_1_amd64.deb',
        'pool/main/a/a_1_all.deb',
      ],
      ...['pool/main/a/a_1.dsc', 'project/trace/master', 'dists/trixie/main/debian-installer/binary-amd64/Packages.xz'],
    ],
    [
      ...['dists/bookworm/InRelease', 'dists/bookworm-updates/InRelease', 'dists/sid/main/binary-amd64/Packages.xz'],
      ...[
        'dists/trixie/main/binary-arm64/Packages.xz',
        'dists/trixie/main/installer-arm64/current/x',
        'pool/main/a/a_1_arm64.deb',
      ],
      ...[
        'dists/trixie/main/Contents-arm64.gz',
        'dists/trixie/main/Contents-udeb-i386.gz',
        'pool/main/a/a_1_i386.udeb',
      ],
      ...[
        'dists/trixie/main/dep11/Components-arm64.yml.gz',
        'dists/trixie/main/debian-installer/binary-s390x/Packages.xz',
      ],
    ],
  ],
  [
    'debian-security',
    { arch: ['amd64'], suites: ['trixie'] },
    [
      'dists/trixie-security/InRelease',
      'dists/trixie-security/updates/main/binary-amd64/Packages.xz',
      'pool/u/a_1_amd64.deb',
    ],
    [
      'dists/bookworm-security/InRelease',
      'dists/trixie-security/updates/main/binary-i386/Packages.xz',
      'pool/u/a_1_i386.deb',
    ],
  ],
  [
    'debian-cd',
    { arch: ['amd64'], media: ['iso-cd'] },
    ['13.2.0/amd64/iso-cd/a.iso', 'project/trace/cdimage.debian.org'],
    [
      '13.2.0/arm64/iso-cd/a.iso',
      '13.2.0/amd64/iso-dvd/a.iso',
      '13.2.0/amd64/jigdo-cd/a.jigdo',
      '13.2.0/source/iso-cd/a.iso',
    ],
  ],
  [
    'debian-ports',
    { arch: ['loong64'] },
    ['pool-loong64/main/a_1_loong64.deb', 'dists/sid/main/binary-loong64/Packages.xz', 'dists/sid/InRelease'],
    ['pool-m68k/main/a_1_m68k.deb', 'dists/sid/main/binary-m68k/Packages.xz'],
  ],
  [
    'raspbian',
    { suites: ['trixie'] },
    ['raspbian/dists/trixie/Release', 'raspbian/pool/a.deb', 'multiarch/x'],
    ['raspbian/dists/jessie/Release'],
  ],
  [
    'raspberrypi-os',
    { suites: ['trixie'], arch: ['arm64'] },
    ['dists/trixie/Release', 'pool/a_1_arm64.deb'],
    ['dists/buster/Release', 'pool/a_1_armhf.deb'],
  ],
  [
    'ubuntu',
    { arch: ['amd64'], suites: ['noble'] },
    [
      'dists/noble/InRelease',
      'dists/noble-security/InRelease',
      'dists/noble/main/cnf/Commands-amd64.xz',
      'pool/main/a_1_amd64.deb',
      '.trace/ubuntu-banjo',
    ],
    [
      'dists/jammy/InRelease',
      'dists/noble/main/cnf/Commands-i386.xz',
      'dists/noble/main/binary-i386/Packages.gz',
      'pool/main/a_1_i386.deb',
    ],
  ],
  [
    'ubuntu-ports',
    { arch: ['arm64'], suites: ['noble'] },
    ['dists/noble-updates/InRelease', 'pool/a_1_arm64.deb'],
    ['dists/jammy/InRelease', 'pool/a_1_s390x.deb'],
  ],
  [
    'ubuntu-cdimage',
    { products: ['kubuntu'] },
    ['kubuntu/releases/24.04/release/a.iso', 'robots.txt'],
    ['xubuntu/releases/24.04/release/a.iso'],
  ],
  [
    'kali',
    { arch: ['amd64'] },
    ['dists/kali-rolling/InRelease', 'pool/a_1_amd64.deb'],
    ['pool/a_1_armhf.deb', 'dists/kali-rolling/main/binary-armhf/Packages.gz'],
  ],
  [
    'linuxmint',
    { suites: ['xia'], arch: ['amd64'] },
    ['dists/xia/Release', 'pool/a_1_amd64.deb', 'pool/a_1_all.deb'],
    ['dists/vera/Release', 'pool/a_1_i386.deb'],
  ],
  [
    'fedora',
    { suites: ['43'], arch: ['x86_64'], parts: ['source'] },
    [
      ...[
        'linux/releases/43/Everything/x86_64/os/repodata/repomd.xml',
        'linux/updates/43/Everything/x86_64/Packages/a/a.rpm',
      ],
      ...['linux/releases/43/Everything/source/tree/a.src.rpm', 'linux/updates/testing/43/Everything/x86_64/a.rpm'],
    ],
    [
      ...['linux/releases/42/Everything/x86_64/os/a.rpm', 'linux/releases/43/Everything/aarch64/os/a.rpm'],
      ...['linux/updates/43/Everything/x86_64/debug/a.rpm', 'linux/development/rawhide/Everything/x86_64/os/a.rpm'],
    ],
  ],
  [
    'epel',
    { suites: ['9'], arch: ['x86_64'], parts: ['source'] },
    [
      '9/Everything/x86_64/Packages/a/a.rpm',
      '9/Everything/source/tree/a.rpm',
      'testing/9/Everything/x86_64/a.rpm',
      'RPM-GPG-KEY-EPEL-9',
      '9.6/Everything/x86_64/a.rpm',
    ],
    [
      '8/Everything/x86_64/a.rpm',
      '9/Everything/aarch64/a.rpm',
      '9/Everything/x86_64/debug/a.rpm',
      'testing/8/Everything/x86_64/a.rpm',
      '10.1/Everything/x86_64/a.rpm',
    ],
  ],
  [
    'centos-stream',
    { suites: ['10-stream'], arch: ['x86_64'], parts: ['source'] },
    [
      '10-stream/BaseOS/x86_64/os/a.rpm',
      '10-stream/BaseOS/source/tree/a.rpm',
      'SIGs/10-stream/extras/x86_64/a.rpm',
      'TIME',
    ],
    [
      '9-stream/BaseOS/x86_64/os/a.rpm',
      'SIGs/9-stream/extras/x86_64/a.rpm',
      '10-stream/BaseOS/aarch64/os/a.rpm',
      '10-stream/BaseOS/x86_64/debug/a.rpm',
    ],
  ],
  [
    'rocky',
    { suites: ['9'], arch: ['x86_64'], parts: ['debug'] },
    ['9/BaseOS/x86_64/os/a.rpm', '9.6/BaseOS/x86_64/debug/a.rpm'],
    ['8/BaseOS/x86_64/os/a.rpm', '9/BaseOS/source/tree/a.rpm', '9/BaseOS/aarch64/os/a.rpm'],
  ],
  [
    'almalinux',
    { suites: ['9'], arch: ['x86_64'] },
    ['9/BaseOS/x86_64/os/a.rpm', '9.6/extras/x86_64/os/a.rpm', 'README'],
    ['8/BaseOS/x86_64/os/a.rpm', '9/BaseOS/ppc64le/os/a.rpm'],
  ],
  [
    'opensuse',
    { editions: ['leap'], parts: ['source'] },
    ['distribution/leap/16.0/repo/oss/a.rpm', 'update/leap/16.0/oss/a.rpm', 'source/distribution/leap/a.rpm'],
    ['tumbleweed/repo/oss/a.rpm', 'update/tumbleweed/a.rpm', 'ports/aarch64/a.rpm', 'debug/distribution/leap/a.rpm'],
  ],
  ['archlinuxarm', { arch: ['aarch64'] }, ['aarch64/core/core.db', 'os/a.tar.gz'], ['armv7h/core/core.db']],
  [
    'manjaro',
    { suites: ['stable'] },
    ['stable/core/x86_64/core.db', 'pool/a.pkg.tar.zst', 'state'],
    ['unstable/core/x86_64/core.db', 'arm-stable/core/aarch64/core.db'],
  ],
  [
    'alpine',
    { suites: ['v3.22'], arch: ['x86_64'] },
    ['v3.22/main/x86_64/APKINDEX.tar.gz', 'v3.22/releases/x86_64/a.iso', 'last-updated', 'MIRRORS.txt'],
    [
      'v3.21/main/x86_64/APKINDEX.tar.gz',
      'edge/main/x86_64/APKINDEX.tar.gz',
      'v3.22/main/aarch64/APKINDEX.tar.gz',
      'v3.22/releases/x86/a.iso',
    ],
  ],
  [
    'gentoo-distfiles',
    { arch: ['amd64'], parts: ['releases', 'distfiles'] },
    ['releases/amd64/autobuilds/a.tar.xz', 'distfiles/00/a.tar.xz', 'distfiles/timestamp.mirmon'],
    ['releases/arm64/autobuilds/a.tar.xz', 'snapshots/portage-1.tar.xz', 'experimental/a'],
  ],
  [
    'voidlinux',
    { parts: ['current'] },
    ['current/x86_64-repodata', 'current/a-1.x86_64.xbps'],
    ['live/current/a.iso', 'static/a'],
  ],
  [
    'slackware',
    { suites: ['15.0'] },
    ['slackware64-15.0/ChangeLog.txt', 'slackware-15.0/slackware/a/a.txz', 'slackware64-15.0-iso/a.iso', 'README'],
    ['slackware64-current/ChangeLog.txt', 'slackware-14.2/ChangeLog.txt'],
  ],
  [
    'freebsd',
    { arch: ['amd64'], parts: ['releases'] },
    [
      'releases/amd64/14.3-RELEASE/base.txz',
      'releases/ISO-IMAGES/14.3/FreeBSD-14.3-RELEASE-amd64-disc1.iso',
      'TIMESTAMP',
    ],
    [
      'releases/arm64/14.3-RELEASE/base.txz',
      'releases/ISO-IMAGES/14.3/FreeBSD-14.3-RELEASE-i386-disc1.iso',
      'snapshots/amd64/a',
      'doc/a',
    ],
  ],
  [
    'openbsd',
    { suites: ['7.8'], arch: ['amd64'] },
    ['7.8/amd64/install78.iso', '7.8/packages/amd64/a-1.tgz', 'syspatch/7.8/amd64/a.tgz', 'timestamp'],
    [
      '7.7/amd64/install77.iso',
      '7.8/arm64/install78.img',
      '7.8/packages/i386/a-1.tgz',
      'snapshots/amd64/a',
      'syspatch/7.7/amd64/a.tgz',
    ],
  ],
  [
    'netbsd',
    { suites: ['10.1'] },
    ['NetBSD-10.1/amd64/a', 'iso/10.1/a.iso', 'README'],
    ['NetBSD-9.4/amd64/a', 'iso/9.4/a.iso'],
  ],
  ['kernel', { parts: ['kernel'] }, ['kernel/v6.x/linux-6.18.tar.xz'], ['utils/a.tar.xz', 'docs/a']],
  [
    'libreoffice',
    { parts: ['win'] },
    ['libreoffice/stable/25.8.3/win/x86_64/a.msi', 'TIMESTAMP'],
    ['libreoffice/stable/25.8.3/deb/x86_64/a.tar.gz', 'libreoffice/src/25.8.3/a.tar.xz'],
  ],
];

describe('a selection', () => {
  test.each(SELECTIONS)('of %s by %j', async (id, select, stays, goes) => {
    const at = await scene();
    fill(at.up, [...stays, ...goes]);
    fill(at.slot, goes); // as before anything was chosen
    expect(pullAll(at, mirrorOf(id, at.up, { select }))).toEqual([...stays].sort());
  });

  test('is tried of every preset that has one', () => {
    const tried = new Map(SELECTIONS.map(([id, select]) => [id, Object.keys(select).sort()]));
    const all = presetIds().flatMap((id) => {
      const names = Object.keys(findPreset(id).select).sort();
      return names.length > 0 ? [[id, names] as const] : [];
    });
    // of the RPM family, parts are tried where their folders differ
    for (const [id, names] of all)
      expect(
        names.filter((name) => name !== 'parts' && !tried.get(id)?.includes(name)).map((name) => `${id}: ${name}`),
      ).toEqual([]);
  });
});
