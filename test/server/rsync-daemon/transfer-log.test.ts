import { expect, test } from 'vitest';
import { TransferLog, type RsyncTransfer } from '../../../server/rsync-daemon/transfer-log.js';

function read(...chunks: string[]): { transfers: RsyncTransfer[]; words: string[] } {
  const transfers: RsyncTransfer[] = [];
  const words: string[] = [];
  const log = new TransferLog(
    (transfer) => transfers.push(transfer),
    (line) => words.push(line),
  );
  for (const chunk of chunks) log.push(Buffer.from(chunk, 'latin1'));
  return { transfers, words };
}

const AT = '2026/11/25 09:28:18';
const SESSION = [
  `${AT} [7] rsync on debian/dists debian/pool from UNDETERMINED (2001:db8::7)`,
  `${AT} [7] building file list`,
  `${AT} [8] rsync on ubuntu/ from UNDETERMINED (192.0.2.8)`,
  `${AT} [7] transfer send 1000 dists/In Release`,
  `${AT} [8] transfer send 36 b\\#374cher/x\\#012y`,
  `${AT} [7] sent 1,509 bytes  received 162 bytes  total size 6`,
  '',
].join('\n');

const FOUND = [
  { mirror: 'debian', address: '2001:db8::7', bytes: 1000, path: ['dists', 'In Release'] },
  { mirror: 'ubuntu', address: '192.0.2.8', bytes: 36, path: ['b\xfccher', 'x\ny'] },
  { mirror: 'debian', address: '2001:db8::7', bytes: 509, path: null },
];

test('files are counted for the mirror and client of their connection, and its end counts the rest', () => {
  expect(read(SESSION)).toEqual({ transfers: FOUND, words: ['building file list'] });
});

test('lines are put together however they come', () => {
  expect(read(...SESSION).transfers).toEqual(FOUND);
});

test('what is of no known connection is not counted', () => {
  expect(read(`${AT} [9] transfer send 5 a\n${AT} [9] sent 5 bytes  received 1 bytes  total size 1\n`)).toEqual({
    transfers: [],
    words: [],
  });
});

test('a line without an end is not kept whole', () => {
  const { words } = read(...Array.from({ length: 100 }, () => 'x'.repeat(10_000)), '\n');
  expect(words.map((line) => line.length)).toEqual([5 * 4096 + 1024]);
});
