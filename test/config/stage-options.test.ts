import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { PLAIN_OPTIONS, stageOptionProblem, VALUE_OPTIONS } from '../../config/stage-options.js';
import { initTemplate } from '../../config/template.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const VALUES: Readonly<Record<(typeof VALUE_OPTIONS)[number], string>> = {
  '--max-size': '1G',
  '--min-size': '1',
  '--max-alloc': '1G',
  '--block-size': '1024',
  '--checksum-choice': 'md5',
  '--cc': 'md5',
  '--checksum-seed': '1',
  '--compress-choice': 'zlib',
  '--zc': 'zlib',
  '--compress-level': '1',
  '--zl': '1',
  '--compress-threads': '1',
  '--zt': '1',
  '--skip-compress': 'gz/xz',
  '--address': '127.0.0.1',
  '--sockopts': 'SO_KEEPALIVE',
};
const THREADS = ['--compress-threads', '--zt']; // known to rsync 3.4 and later

describe('stageOptionProblem', () => {
  test.each([
    ...PLAIN_OPTIONS,
    ...Object.entries(VALUES).map(([name, value]) => `${name}=${value}`),
    ...['-zH', '-46cW', '--sockopts=A=1,B=2'],
  ])('lets %s pass', (option) => expect(stageOptionProblem(option)).toBeUndefined());

  test('lets only options pass that rsync itself knows', async () => {
    const folder = await tempFolder();
    const options = [...PLAIN_OPTIONS, ...Object.entries(VALUES).map(([name, value]) => `${name}=${value}`)];
    const known = options.filter((option) => !THREADS.includes(option.split('=')[0] ?? ''));
    const { status, stderr } = spawnSync('rsync', [...known, '-rn', '--', `${folder}/`, `${folder}/to/`]);
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
  });

  test('lets no option pass that the example does not name', () => {
    const example = initTemplate();
    const names = [...PLAIN_OPTIONS, ...VALUE_OPTIONS.map((name) => `${name}=`)];
    const short = ['--cc=', '--zc=', '--zl=', '--zt=', '--i-r', '--no-i-r', '--no-W']; // other names of the same
    const missing = names.filter((name) => name.startsWith('--') && !short.includes(name) && !example.includes(name));
    expect(missing).toEqual([]);
  });

  test.each([
    ['--inplace', 'would write into files that the published tree shares'],
    ['--append', 'would write into files'],
    ['--append-verify', 'would write into files'],
    ['--write-devices', 'would write into files'],
    ['--daemon', 'would let rsync serve'],
    ['--server', 'would let rsync serve'],
    ['--rsh=sh -c id', 'would start another program; use "ssh_key:" and "ssh_port:"'],
    ['-e', 'would start another program'],
    ['--rsync-path=/tmp/x', 'would start another program'],
    ['--remote-option=--inplace', 'would change the other side alone'],
    ['-M', 'would change the other side alone'],
    ['--timeout=5', 'use "timeout:" and "stall:"'],
    ['--contimeout=5', 'use "timeout:" and "stall:"'],
    ['--stop-after=5', 'use "timeout:" and "stall:"'],
    ['--bwlimit=5', 'use "sync.bandwidth:"'],
    ['--password-file=/x', 'use "password:"'],
    ['--port=874', 'belongs into the upstream'],
    ['--del', 'use "delete:" of the stage'],
    ['--delete', 'use "delete:" of the stage'],
    ['--delete-excluded', 'use "delete:" of the stage'],
    ['--max-delete=5', 'use "delete:" of the stage'],
    ['--ignore-errors', 'use "delete:" of the stage'],
    ['--remove-source-files', 'use "delete:" of the stage'],
    ['--log-file=/x', 'is set by Millpond itself'],
    ['--log-file-format=%n', 'is set by Millpond itself'],
    ['--partial', 'is set by Millpond itself'],
    ['--partial-dir=/x', 'is set by Millpond itself'],
    ['--temp-dir=/x', 'is set by Millpond itself'],
    ['-T', 'is set by Millpond itself'],
    ['--delay-updates', 'is set by Millpond itself'],
    ['--relative', 'is set by Millpond itself'],
    ['-R', 'is set by Millpond itself'],
    ['--chmod=u+s', 'would keep owners, permissions or devices'],
    ['--perms', 'would keep owners, permissions or devices'],
    ['-p', 'would keep owners, permissions or devices'],
    ['--archive', 'would keep owners, permissions or devices'],
    ['-a', 'would keep owners, permissions or devices'],
    ['--devices', 'would keep owners, permissions or devices'],
    ['-D', 'would keep owners, permissions or devices'],
    ['--specials', 'would keep owners, permissions or devices'],
    ['--copy-devices', 'would keep owners, permissions or devices'],
    ['--keep-dirlinks', 'changes what links become'],
    ['-K', 'changes what links become'],
    ['--copy-links', 'changes what links become'],
    ['--link-dest=/x', 'somewhere else than the tree'],
    ['--compare-dest=/x', 'somewhere else than the tree'],
    ['--copy-dest=/x', 'somewhere else than the tree'],
    ['--files-from=/x', 'somewhere else than the tree'],
    ['--backup', 'somewhere else than the tree'],
    ['--backup-dir=/x', 'somewhere else than the tree'],
    ['--filter=P x', 'is a filter; use "include:" and "exclude:"'],
    ['--exclude=x', 'is a filter'],
    ['--include-from=/x', 'is a filter'],
    ['--size-only', 'would leave files different from upstream'],
    ['--existing', 'would leave files different from upstream'],
    ['--dry-run', 'would change nothing'],
    ['-n', 'would change nothing'],
    ['--out-format=%n', 'changes what rsync reports'],
    ['--outbuf=N', 'changes what rsync reports'],
    ['--info=all', 'changes what rsync reports'],
    ['--stats', 'changes what rsync reports'],
    ['-zv', '"-zv": "-v" changes what rsync reports'],
    ['--chekcsum', 'is not among the options that a stage may add (the nearest is --checksum)'],
    ['-é', 'is not among the options that a stage may add'],
    ['--max-size', 'needs a value in the same word: --max-size=VALUE'],
    ['--max-size=', 'needs a value in the same word'],
    ['--compress=9', '"--compress" takes no value'],
    ['checksum', 'is not an option: each begins with "-"'],
    ['', 'is not an option'],
    ['-', 'is not an option'],
    ['--', 'is not an option'],
    ['--max-size=1\n', 'holds a control character'],
  ])('refuses %j: %s', (option, sentence) => {
    expect(stageOptionProblem(option)).toContain(sentence);
    expect(stageOptionProblem(option)).toContain(JSON.stringify(option));
  });
});
