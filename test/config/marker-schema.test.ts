import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { mirror, parse } from './parsing.js';

const UPSTREAM = 'upstream: rsync://ftp.example.org/m/';
const MANUAL = 'schedule: manual';
const MARKER = { parser: 'text', field: null, meaning: 'content', url: null } as const;

test('takes what is said of markers, pace and traces as it is, and fills in the rest', () => {
  const read = mirror(
    UPSTREAM,
    MANUAL,
    'marker: { path: [a, b], parser: key-date, url: "https://h/t/" }',
    'origin: { url: "https://o/t/", every: 5m }',
    'heartbeat: lastsync',
    'wait_while: { files: "Archive-Update-in-Progress-*" }',
    'pace: { max_per_day: 4, minutes: 5-55, jitter: 30m }',
    'trace: { kind: debian }',
    'file_list: fullfiletimelist-epel',
  );
  expect(read).toMatchObject({
    marker: { ...MARKER, paths: ['a', 'b'], parser: 'key-date', field: 'date', url: 'https://h/t/' },
    ...{ markerEvery: 300, origin: { url: 'https://o/t/' }, heartbeat: 'lastsync' },
    waitWhile: { files: ['Archive-Update-in-Progress-*'], pause: 1200, tries: 3 },
    pace: { maxPerDay: 4, minutes: { from: 5, to: 55 }, jitter: 1800 },
    trace: { kind: 'debian', path: 'project/trace', host: hostname() },
    fileList: 'fullfiletimelist-epel',
  });
  const epoch = mirror(UPSTREAM, MANUAL, 'trace: { kind: epoch, host: m.example }', 'pace: { minutes: 0-59 }');
  expect(epoch.trace).toEqual({ kind: 'epoch', path: 'lastsync', host: 'm.example' });
  expect(epoch.pace).toEqual({ maxPerDay: null, minutes: { from: 0, to: 59 }, jitter: null });
});

test.each([
  ['https://mirror.example.edu:8443', 'mirror.example.edu'],
  ['http://[2001:db8::1]', '2001db81'],
])('a trace is named after the host of the site %s', (url, host) => {
  const mirrors = `mirrors: { m: { ${UPSTREAM.replace(': ', ': "')}", schedule: manual, trace: { kind: debian } } }`;
  expect(parse(`site: { url: "${url}" }\n${mirrors}`).mirrors.get('m')?.trace?.host).toBe(host);
});
