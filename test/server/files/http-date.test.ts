import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatHttpDate, parseHttpDate } from '../../../server/files/http-date.js';

const NOW = Date.UTC(2026, 10, 23);
const EXAMPLE = Date.UTC(1994, 10, 6, 8, 49, 37);

test.each([
  ['Sun, 06 Nov 1994 08:49:37 GMT', EXAMPLE],
  ['Sunday, 06-Nov-94 08:49:37 GMT', EXAMPLE],
  ['Sun Nov  6 08:49:37 1994', EXAMPLE],
  ['Monday, 23-Nov-26 00:00:00 GMT', NOW],
  ['Wednesday, 01-Jan-76 00:00:00 GMT', Date.UTC(2076, 0, 1)],
  ['Saturday, 01-Jan-77 00:00:00 GMT', Date.UTC(1977, 0, 1)],
  ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
])('parseHttpDate reads %j', (text, time) => {
  expect(parseHttpDate(text, NOW)).toBe(time);
});

test.each([
  '',
  'now',
  '2026-11-23T06:00:00Z',
  '1790000000',
  'Sun, 06 Nov 1994 08:49:37 +0100',
  'Sun, 6 Nov 1994 08:49:37 GMT',
  'Sun, 06 Abc 1994 08:49:37 GMT',
  'Thu, 30 Feb 2024 00:00:00 GMT',
  'Sun, 06 Nov 1994 24:00:00 GMT',
  'Sun, 00 Nov 1994 08:49:37 GMT',
])('parseHttpDate ignores %j', (text) => {
  expect(parseHttpDate(text, NOW)).toBeUndefined();
});

test('parseHttpDate reads back what formatHttpDate writes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) / 1000 }), (seconds) => {
      expect(parseHttpDate(formatHttpDate(seconds * 1000), NOW)).toBe(seconds * 1000);
    }),
  );
});
