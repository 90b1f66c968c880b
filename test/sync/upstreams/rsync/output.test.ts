import { describe, expect, test } from 'vitest';
import {
  addStatistic,
  isStatistic,
  lineSplitter,
  NO_PROGRESS,
  NO_PULL_NUMBERS,
  parseProgress,
} from '../../../../sync/upstreams/rsync/output.js';

// as rsync 3.2.7 and 3.5.0 print with --info=progress2 --stats --no-human-readable
const CAPTURED =
  '              0   0%    0.00kB/s    0:00:00  \r' +
  '         32,768   0%    0.00kB/s    0:00:00  \r' +
  '        1835008   9%    1.75MB/s    0:00:09  \r' +
  '        2097152  10%    1.99MB/s    0:00:01 (xfr#1, ir-chk=1021/1033)\r' +
  '     4294967296  42%   98.10GB/s  123:04:05 (xfr#7, to-chk=12/4711)\n' +
  '\n' +
  'Number of files: 5,007 (reg: 5,000, dir: 5, link: 2)\n' +
  'Number of created files: 3 (reg: 3)\n' +
  'Number of deleted files: 0\n' +
  'Number of regular files transferred: 14\n' +
  'Total file size: 1,099,511,627,776 bytes\n' +
  'Total transferred file size: 15 bytes\n' +
  'Literal data: 15 bytes\n' +
  'Matched data: 0 bytes\n' +
  'File list size: 0\n' +
  'File list generation time: 0.001 seconds\n' +
  'File list transfer time: 0.000 seconds\n' +
  'Total bytes sent: 1013\n' +
  'Total bytes received: 354\n' +
  '\n' +
  'sent 1013 bytes  received 354 bytes  2734.00 bytes/sec\n' +
  'total size is 27  speedup is 0.02\n';

function linesOf(chunks: readonly (string | Buffer)[]): string[] {
  const lines: string[] = [];
  const push = lineSplitter((line) => lines.push(line));
  for (const chunk of chunks) push(Buffer.from(chunk as string));
  return lines;
}

describe('parseProgress', () => {
  test('reads what rsync prints, and keeps what it leaves out', () => {
    let last = NO_PROGRESS;
    const seen = linesOf([CAPTURED]).flatMap((line) => {
      const next = parseProgress(line, last);
      if (next) last = next;
      return next ? [next] : [];
    });
    expect(seen).toEqual([
      { files: 0, bytes: 0, rate: 0, percent: 0, toCheck: 0, known: 0, eta: 0 },
      { files: 0, bytes: 32_768, rate: 0, percent: 0, toCheck: 0, known: 0, eta: 0 },
      { files: 0, bytes: 1_835_008, rate: 1_835_008, percent: 9, toCheck: 0, known: 0, eta: 9 },
      { files: 1, bytes: 2_097_152, rate: 2_086_666, percent: 10, toCheck: 1021, known: 1033, eta: 9 },
      { files: 7, bytes: 4_294_967_296, rate: 105_334_072_934, percent: 42, toCheck: 12, known: 4711, eta: 611_824 },
    ]);
  });

  test('reads a line whose time is too long for rsync', () => {
    const line = '     1048576   0%   50.00kB/s  ??:??:??  ';
    expect(parseProgress(line, NO_PROGRESS)).toMatchObject({ bytes: 1_048_576, rate: 51_200, eta: null });
  });

  test.each([
    '',
    'receiving incremental file list',
    '100% of nothing',
    'rsync: [sender] link_stat "/1 2% 3kB/s 0:00:00" failed',
    '-5  1%  1.00kB/s  0:00:00',
    'total size is 27  speedup is 0.02',
  ])('takes %j for no progress', (line) => {
    expect(parseProgress(line, NO_PROGRESS)).toBeUndefined();
  });
});

describe('addStatistic', () => {
  test('reads the numbers of a pull, with and without groups of thousands', () => {
    const expected = {
      ...{ totalFiles: 5000, transferredFiles: 14, totalBytes: 2 ** 40, transferredBytes: 15, receivedBytes: 354 },
    };
    const read = (text: string) =>
      linesOf([text]).reduce((numbers, line) => addStatistic(line, numbers), NO_PULL_NUMBERS);
    expect(read(CAPTURED)).toEqual(expected);
    expect(read(CAPTURED.replaceAll(/(\d),(?=\d)/g, '$1'))).toEqual(expected);
  });

  test('counts no files in a tree that has only folders', () => {
    expect(addStatistic('Number of files: 3 (dir: 3)', NO_PULL_NUMBERS)).toEqual(NO_PULL_NUMBERS);
  });
});

test('isStatistic knows the lines of --stats from what a person should read', () => {
  const lines = linesOf([CAPTURED]).filter((line) => !parseProgress(line, NO_PROGRESS));
  expect(lines.length).toBe(15);
  expect(lines.filter((line) => !isStatistic(line))).toEqual([]);
  for (const line of ['Welcome to the mirror', 'rsync: [sender] x', 'ignoring unsafe symlink', 'sent by a person'])
    expect(isStatistic(line)).toBe(false);
});

describe('lineSplitter', () => {
  test('gives the same lines wherever the stream is cut', () => {
    const whole = linesOf([CAPTURED]);
    for (const size of [1, 7, 64]) {
      const chunks = CAPTURED.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
      expect(linesOf(chunks)).toEqual(whole);
    }
  });

  test('keeps no more than a bounded part of a line without an end', () => {
    const lines = linesOf([...Array.from({ length: 100 }, () => 'x'.repeat(64 * 1024)), '\nnext\n']);
    expect(lines.length).toBe(2);
    expect(lines[0]?.length).toBeLessThan(100_000);
    expect(lines[1]).toBe('next');
  });
});
