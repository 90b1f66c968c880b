import { expect, test } from 'vitest';
import { readMarker } from '../../core/marker.js';
import { dateText, ownFilesOf, traceText, type TraceFacts } from '../../core/trace.js';

const FACTS: TraceFacts = {
  finishedAt: Date.UTC(2016, 1, 7, 9, 40, 29),
  startedAt: Date.UTC(2016, 1, 7, 9, 33, 55),
  serial: '2016020702',
  creator: 'Millpond 0.1.0',
  host: 'klecker.example.org',
  maintainer: 'Admins <admins@example.com>',
  trigger: 'cron',
  architectures: ['all', 'amd64', 'source'],
  upstream: 'ftp.example.org',
  transport: 'plain',
  receivedBytes: 1_109_846_675,
  stageSeconds: [347.2, 40, 7],
};

test('traceText has the fields of ftpsync, in its order', () => {
  expect(traceText(FACTS)).toBe(`Sun Feb  7 09:40:29 UTC 2016
Date: Sun, 07 Feb 2016 09:40:29 +0000
Date-Started: Sun, 07 Feb 2016 09:33:55 +0000
Archive serial: 2016020702
Creator: Millpond 0.1.0
Running on host: klecker.example.org
Maintainer: Admins <admins@example.com>
Trigger: cron
Architectures: all amd64 source
Upstream-mirror: ftp.example.org
Rsync-Transport: plain
Total bytes received in rsync: 1109846675
Total time spent in stage1 rsync: 347
Total time spent in stage2 rsync: 47
Total time spent in rsync: 394
Average rate: 2816869 B/s
`);
});

test('traceText leaves out what is not known', () => {
  const text = traceText({
    ...FACTS,
    ...{ serial: null, maintainer: null, architectures: [], receivedBytes: 0, stageSeconds: [] },
  });
  expect(text).not.toMatch(/serial|Maintainer|Architectures|received|rate/);
  expect(text).toContain('Total time spent in rsync: 0\n');
});

test('traceText can be read as a marker', () => {
  const file = { content: Buffer.from(traceText(FACTS)), modifiedAt: null };
  expect(readMarker(file, { parser: 'trace', field: null })).toEqual({
    value: 'Archive serial: 2016020702',
    time: FACTS.finishedAt,
  });
});

test('dateText is as date(1) writes it', () => {
  expect(dateText(Date.UTC(2026, 10, 25, 13, 5, 9))).toBe('Wed Nov 25 13:05:09 UTC 2026');
  expect(dateText(Date.UTC(2026, 10, 5))).toBe('Thu Nov  5 00:00:00 UTC 2026');
});

test.each([
  ['debian', ['t/h', 't/_hierarchy', 't/_hierarchy.mirror', 't/_traces']],
  ['date', ['t/h']],
  ['epoch', ['t']],
] as const)('ownFilesOf %s', (kind, expected) => {
  expect(ownFilesOf({ kind, path: 't', host: 'h' })).toEqual(expected);
});
