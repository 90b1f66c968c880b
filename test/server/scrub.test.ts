import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scrubberFor, type Scrub } from '../../server/scrub.js';
import { makeMirror, openScene, type Scene } from './scene.js';

describe('scrubberFor', () => {
  let scene: Scene;
  let scrub: Scrub;
  beforeAll(async () => {
    const mirror = makeMirror('debian', {
      upstreams: ['/archive/upstream/', 'me@backup:pub/'],
      password: { file: '/keys/rsync' },
    });
    scene = await openScene({ mirrors: [mirror] });
    scrub = scrubberFor(scene.settings);
  });
  afterAll(() => scene.close());

  it.each([
    ['from rsync://user:s3cret@ftp.example.org/module/', 'from rsync://ftp.example.org/module/'],
    ['from user@ftp.example.org::module', 'from ftp.example.org::module'],
    ['from rsync://user:s3cret@host/module/', 'from rsync://(internal host)/module/'],
    ['from user@host::module', 'from (internal host)::module'],
    ['pulling from rsync://core-1:8873/debian/', 'pulling from rsync://(internal host):8873/debian/'],
    [
      'https://cache.example.internal/x and https://mirror.lan',
      'https://(internal host)/x and https://(internal host)',
    ],
    [
      'failed to connect to core-1 (10.3.0.7): Connection refused (111)',
      'failed to connect to (internal host) ((internal address)): Connection refused (111)',
    ],
    [
      'failed to connect to ftp.example.org (1.1.1.1): timed out',
      'failed to connect to ftp.example.org (1.1.1.1): timed out',
    ],
    [
      'getaddrinfo: core-1 873: Name or service not known',
      'getaddrinfo: (internal host) 873: Name or service not known',
    ],
    [
      'ssh: connect to host backup port 22: No route to host',
      'ssh: connect to host (internal host) port 22: No route to host',
    ],
    ['Could not resolve hostname backup: not known', 'Could not resolve hostname (internal host): not known'],
    ['rsync: link_stat "backup:/pub" failed', 'rsync: link_stat "(internal host):/pub" failed'],
    [
      "Warning: Permanently added 'backup' (ED25519) to the list of known hosts.",
      "Warning: Permanently added '(internal host)' (ED25519) to the list of known hosts.",
    ],
    ['Host key for [backup]:2222 has changed', 'Host key for [(internal host)]:2222 has changed'],
    ['No ED25519 host key is known for backup and', 'No ED25519 host key is known for (internal host) and'],
    ['the backup is for backup-2 files', 'the backup is for backup-2 files'],
    ['\x1b[31mred\u009b2J\r', ' [31mred 2J '],
    ['access denied from unknown (192.168.4.2)', 'access denied from (internal host) ((internal address))'],
    [
      'rsync://[fd00::12]/x, ::1, fe80::1%eth0',
      'rsync://[(internal address)]/x, (internal address), (internal address)',
    ],
    ['2001:4860:4860::8888 at 14:02:11', '2001:4860:4860::8888 at 14:02:11'],
    ['127.0.0.1:8080, 172.16.9.9 and 100.64.0.1', '(internal address):8080, (internal address) and (internal address)'],
    ['libc6_2.36-9+deb12u9_amd64.deb and 1.2.3', 'libc6_2.36-9+deb12u9_amd64.deb and 1.2.3'],
    ['Authorization: Bearer abc.def-ghi', 'Authorization: ***'],
    ['sent Bearer abcdefgh.ijkl', 'sent Bearer ***'],
    ['https://ftp.example.org/x?sig=abc&page=2', 'https://ftp.example.org/x?sig=***&page=2'],
    ['access_token=abc X-Api-Key: k1', 'access_token=*** X-Api-Key: ***'],
    ['with ghp_0123456789abcdef', 'with ***'],
    ['--password=s3cret token: abc', '--password=*** token: ***'],
    ['mkstemp "/srv/mirrors/x" failed', 'mkstemp "(a local path)" failed'],
    ['open(/etc/shadow)', 'open((a local path))'],
    ['reading /archive/upstream/dists', 'reading (local upstream)/dists'],
    ['cannot read /keys/rsync', 'cannot read (password file)'],
    ['rsync://ftp.example.org/srv/debian/x', 'rsync://ftp.example.org/srv/debian/x'],
    ['(/mnt/me/x) and "/proc/1/fd"', '((a local path)) and "(a local path)"'],
    ['pool/main/a/apt/apt_2.6.1_amd64.deb', 'pool/main/a/apt/apt_2.6.1_amd64.deb'],
  ])('makes %j fit for the public', (text, clean) => {
    expect(scrub(text)).toBe(clean);
  });

  it('names the data folder instead of showing where it is', () => {
    expect(scrub(`in ${scene.folder}/mirrors/debian`)).toBe('in (data)/mirrors/debian');
  });

  it('cuts what is too long to be looked through', () => {
    expect(scrub('a'.repeat(100_000))).toHaveLength(2048 + ' … (cut)'.length);
  });
});
