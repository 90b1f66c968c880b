import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDuration,
  parseDuration,
  parseDurationRange,
  parseRate,
  parseShare,
  parseSize,
} from '../../core/units.js';

describe('parseDuration', () => {
  test.each([
    ['0s', 0],
    ['15s', 15],
    ['5m', 300],
    ['12h', 43_200],
    ['1h30m', 5_400],
    ['7d', 604_800],
    ['2w1d', 1_296_000],
    ['1w1d1h1m1s', 694_861],
  ])('reads %s as %d seconds', (text, seconds) => expect(parseDuration(text)).toBe(seconds));

  test.each(['', '5', 'm', '5 m', '30m1h', '1h1h', '-5m', '1.5h', '5min', '5M', '1h ', '99999999999999999999s', '１s'])(
    'refuses %j',
    (text) => expect(parseDuration(text)).toBeUndefined(),
  );

  test('sums the units of any duration written in falling order', () => {
    const part = fc.option(fc.nat(10_000));
    fc.assert(
      fc.property(part, part, part, part, part, (...parts) => {
        fc.pre(parts.some((each) => each !== null));
        const text = parts.map((each, index) => (each === null ? '' : `${each}${'wdhms'.charAt(index)}`)).join('');
        const [w, d, h, m, s] = parts.map((each) => each ?? 0) as [number, number, number, number, number];
        expect(parseDuration(text)).toBe((((w * 7 + d) * 24 + h) * 60 + m) * 60 + s);
      }),
    );
  });

  test('answers a whole number or undefined for any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9wdhms. -]{0,12}$/)), (text) => {
        const seconds = parseDuration(text);
        expect(seconds === undefined || (Number.isSafeInteger(seconds) && seconds >= 0)).toBe(true);
      }),
    );
  });
});

describe('parseSize', () => {
  test.each([
    ['0B', 0],
    ['1kB', 1_000],
    ['1KB', 1_000],
    ['500GB', 500_000_000_000],
    ['1.5 TB', 1_500_000_000_000],
    ['10GiB', 10_737_418_240],
    ['1KiB', 1_024],
    ['2PB', 2_000_000_000_000_000],
  ])('reads %s as %d bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  test.each(['', '5', '5G', '5Gb', '5gb', 'GB', '-1GB', '1,5GB', '5GB/s', '10 000GB', '5constructor', '99999999PB'])(
    'refuses %j',
    (text) => expect(parseSize(text)).toBeUndefined(),
  );
});

describe('parseRate', () => {
  test.each([
    ['2Gbit/s', 250_000_000],
    ['100 Mbit/s', 12_500_000],
    ['8kbit/s', 1_000],
    ['50MB/s', 50_000_000],
    ['10MiB/s', 10_485_760],
    ['1B/s', 1],
  ])('reads %s as %d bytes a second', (text, rate) => expect(parseRate(text)).toBe(rate));

  test.each(['', '/s', '2Gbit', '2Gbps', '2Gb/s', '50MB', '50MB/h', '-1MB/s', 'fast/s'])('refuses %j', (text) =>
    expect(parseRate(text)).toBeUndefined(),
  );
});

describe('parseShare', () => {
  test.each([
    ['0%', 0],
    ['5%', 0.05],
    ['0.5%', 0.005],
    ['50 %', 0.5],
    ['100%', 1],
  ])('reads %s as %d', (text, share) => expect(parseShare(text)).toBeCloseTo(share, 12));

  test.each(['', '5', '%', '101%', '100.1%', '-5%', '5%%', '.5%', '0,5%'])('refuses %j', (text) =>
    expect(parseShare(text)).toBeUndefined(),
  );
});

describe('parseDurationRange', () => {
  test('reads the shorter and the longer', () => {
    expect(parseDurationRange('1m..1h')).toEqual({ from: 60, to: 3600 });
    expect(parseDurationRange('5s..5s')).toEqual({ from: 5, to: 5 });
  });

  test.each(['', '1m', '1m..', '..1h', '1h..1m', '1m...1h', '1m..1h..2h', '1m-1h', '1..2'])('refuses %j', (text) =>
    expect(parseDurationRange(text)).toBeUndefined(),
  );
});

describe('formatBytes', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [1_949, '1.9 kB'],
    [99_949, '99.9 kB'],
    [99_950, '100 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [512_000_000, '512 MB'],
    [1_900_000_000_000, '1.9 TB'],
    [3e21, '3000 EB'],
  ])('shows %d in thousands as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test('is within a twentieth of the true number, and never shows 1000 of a unit that has a larger one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (bytes) => {
        const text = formatBytes(bytes);
        const shown = parseSize(text) ?? NaN;
        expect(Math.abs(shown - bytes) / bytes).toBeLessThanOrEqual(0.05);
        expect(Number(text.split(' ')[0])).toBeLessThan(1000);
      }),
    );
  });
});

describe('formatDuration', () => {
  test.each([
    [0, '0 s'],
    [-3, '0 s'],
    [0.42, '0.4 s'],
    [3, '3 s'],
    [9.96, '10 s'],
    [45, '45 s'],
    [59.7, '1 min'],
    [60, '1 min'],
    [95, '1 min 35 s'],
    [3_599.6, '1 h'],
    [7_500, '2 h 5 min'],
    [7_200, '2 h'],
    [86_399, '1 d'],
    [273_600, '3 d 4 h'],
    [31_536_000, '365 d'],
  ])('shows %d seconds as %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  test('reads back to within half of its smaller unit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 1e9 }), (seconds) => {
        const text = formatDuration(seconds);
        const shown = parseDuration(text.replaceAll('min', 'm').replaceAll(' ', '')) ?? NaN;
        const smaller = seconds < 3_600 ? 1 : seconds < 86_370 ? 60 : 3_600;
        expect(Math.abs(shown - seconds)).toBeLessThanOrEqual(smaller / 2);
      }),
    );
  });
});

test('formatCount groups thousands', () => {
  expect(formatCount(0)).toBe('0');
  expect(formatCount(1_234_567)).toBe('1,234,567');
});
