import { describe, expect, it } from 'vitest';
import { parseRateLimit, parseRetryAfter } from '../../../core/oci/rate-limit.js';

describe('parseRateLimit', () => {
  it.each([
    ['100;w=21600', { count: 100, window: 21600 }],
    [' 76 ; w = 21600 ', { count: 76, window: 21600 }],
    ['0;w=21600', { count: 0, window: 21600 }],
    ['100', { count: 100, window: null }],
    ['100, 100;w=60', { count: 100, window: 60 }],
    ['100;w=0', { count: 100, window: null }],
    ['100;w=99999999999', { count: 100, window: 31 * 24 * 3600 }],
  ])('reads %j', (field, expected) => {
    expect(parseRateLimit(field)).toEqual(expected);
  });

  it.each([undefined, '', 'many', '-1', '1.5', '1e9', '9'.repeat(40)])('does not read %j', (field) => {
    expect(parseRateLimit(field)).toBeUndefined();
  });
});

describe('parseRetryAfter', () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);

  it.each([
    ['0', 0],
    [' 120 ', 120],
    ['999999999', 86400],
    ['Fri, 02 Jan 2026 03:05:05 GMT', 60],
    ['Friday, 02-Jan-26 03:05:05 GMT', 60],
    ['Fri Jan  2 03:05:05 2026', 60],
    ['Fri, 02 Jan 2026 03:04:00 GMT', 0],
    ['Sat, 02 Jan 2027 03:04:00 GMT', 86400],
  ])('reads %j', (field, seconds) => {
    expect(parseRetryAfter(field, now)).toBe(seconds);
  });

  it.each([undefined, '', '-1', '1.5', 'soon', '2026-01-02', 'Fri, 99 Foo 2026 99:99:99 GMT'])(
    'does not read %j',
    (field) => {
      expect(parseRetryAfter(field, now)).toBeNull();
    },
  );
});
