import { expect, test } from 'vitest';
import { mirror } from './parsing.js';

const UPSTREAM = 'upstream: rsync://ftp.example.org/m/';
const MANUAL = 'schedule: manual';
const MARKER = { parser: 'text', field: null, meaning: 'content', url: null } as const;

test('takes "every" for a schedule, a password from the environment, and "text" as the parser of a marker', () => {
  const read = mirror(UPSTREAM, 'every: 4h', 'password: { env: PW }', 'marker: { path: TIME }');
  expect(read.schedule).toEqual({ kind: 'every', seconds: 14_400 });
  expect(read.password).toEqual({ env: 'PW' });
  expect(read.marker).toEqual({ ...MARKER, paths: ['TIME'] });
});

test("takes this machine's time zone for a cron expression without one", () => {
  const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  expect(mirror(UPSTREAM, 'schedule: "0 1 * * *"').schedule).toMatchObject({ kind: 'cron', timezone });
});

test('makes stages "apt" packages first, then indexes and deletion', () => {
  const [content, indexes, ...more] = mirror(UPSTREAM, MANUAL, 'stages: apt').stages;
  expect(content).toMatchObject({ name: 'content', include: ['*.diff/', 'by-hash/'], delete: false });
  expect(content?.exclude).toEqual(expect.arrayContaining(['Packages*', 'Release*', 'InRelease', '*.diff/Index']));
  expect(indexes).toEqual({ name: 'indexes', include: [], exclude: [], delete: true, options: [] });
  expect(more).toEqual([]);
});
