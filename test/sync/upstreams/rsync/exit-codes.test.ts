import { describe, expect, test } from 'vitest';
import { FAILURE_RULES, type FailureClass } from '../../../../core/failure.js';
import { failureOf } from '../../../../sync/upstreams/rsync/exit-codes.js';

function end(code: number | null, stderr = '', signal: NodeJS.Signals | null = null) {
  return failureOf({ code, signal, stderr, endedBecause: null });
}

describe('failureOf', () => {
  // rsync(1), EXIT VALUES, and what a shell or ssh gives instead of rsync
  test.each<[number, FailureClass]>([
    [1, 'local'],
    [2, 'refused'],
    [3, 'local'],
    [4, 'local'],
    [5, 'connect'],
    [6, 'connect'],
    [10, 'connect'],
    [11, 'local'],
    [12, 'connect'],
    [13, 'local'],
    [14, 'local'],
    [15, 'local'],
    [16, 'killed'],
    [19, 'killed'],
    [20, 'killed'],
    [21, 'local'],
    [22, 'local'],
    [23, 'partial'],
    [25, 'partial'],
    [30, 'timeout'],
    [35, 'connect'],
    [126, 'local'],
    [127, 'local'],
    [255, 'connect'],
  ])('takes exit code %i for %s', (code, failure) => {
    const found = end(code);
    expect(found.failure).toBe(failure);
    expect(found.message).toMatch(new RegExp(`^[A-Z].* \\(rsync exit code ${code}\\)\\.$`));
    expect(FAILURE_RULES[found.failure]).toBeDefined();
  });

  test('stops for a code that it does not know', () => {
    expect(end(99)).toEqual({ failure: 'local', message: 'Rsync ended in an unknown way (rsync exit code 99).' });
  });

  test('names the signal that was not ours', () => {
    expect(end(null, '', 'SIGKILL')).toEqual({ failure: 'killed', message: 'rsync was killed by SIGKILL.' });
  });

  // lines that were captured from rsync 3.5.0 and ssh
  test.each<[number, string, FailureClass]>([
    [10, 'rsync: [Receiver] getaddrinfo: no-such.invalid 873: Name or service not known', 'dns'],
    [10, 'rsync: getaddrinfo: x 873: Temporary failure in name resolution', 'dns'],
    [10, 'bad response from proxy -- HTTP/1.0 502 Name or service not known', 'dns'],
    [255, 'ssh: Could not resolve hostname no-such.invalid: Name or service not known', 'dns'],
    [10, 'rsync: [Receiver] failed to connect to 127.0.0.1 (127.0.0.1): Connection refused (111)', 'connect'],
    [10, 'bad response from proxy -- HTTP/1.0 502 Connection refused', 'connect'],
    [5, "@ERROR: Unknown module 'nothing'", 'refused'],
    [5, '@ERROR: auth failed on module pond', 'refused'],
    [5, '@ERROR: access denied to pond from unknown (127.0.0.1)', 'refused'],
    [5, '@ERROR: max connections (1) reached -- try again later', 'refused'],
    [5, '@ERROR: chroot failed', 'refused'],
    [255, 'mirror@host: Permission denied (publickey,password).', 'refused'],
    [255, 'Host key verification failed.', 'refused'],
    [11, 'rsync: [receiver] write failed on "/x/f": No space left on device (28)', 'disk-full'],
    [23, 'rsync: [generator] recv_generator: mkdir "/x/d" failed: Disk quota exceeded (122)', 'disk-full'],
    [23, 'ERROR: pool/a.deb failed verification -- update discarded.', 'checksum'],
    [23, 'rsync: [sender] send_files failed to open "/x/f" (in pond): Permission denied (13)', 'partial'],
  ])('hears what exit code %i says with %j', (code, line, failure) => {
    const found = end(code, `\n${line}\nrsync error: some error (code ${code}) at main.c(1) [Receiver=3.5.0]\n`);
    expect(found.failure).toBe(failure);
    expect(found.message).toContain(`(rsync exit code ${code}): ${line}`);
    expect(found.message).not.toContain('main.c');
    expect(found.message).not.toContain('\n');
  });

  test('cuts a line that is too long', () => {
    expect(end(23, `rsync: ${'x'.repeat(5000)} failed\n`).message.length).toBeLessThan(400);
  });
});
