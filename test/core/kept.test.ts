import { describe, expect, test } from 'vitest';
import { isStamp, keptByRule, stampOf } from '../../core/kept.js';

const NONE = { daily: 0, weekly: 0, monthly: 0 };

/** Which of `times` are kept, oldest first. */
function kept(times: readonly string[], rule: Partial<typeof NONE>): string[] {
  const generations = times.map((time) => ({ time, publishedAt: Date.parse(`${time}:00Z`) }));
  return [...keptByRule(generations, { ...NONE, ...rule })].map(({ time }) => time).sort();
}

describe('keptByRule', () => {
  test('keeps the newest of each day, of the newest days', () => {
    const times = ['2026-11-21T06:00', '2026-11-22T06:00', '2026-11-22T18:00', '2026-11-23T00:00', '2026-11-23T23:59'];
    expect(kept(times, { daily: 2 })).toEqual(['2026-11-22T18:00', '2026-11-23T23:59']);
    expect(kept(times, { daily: 9 })).toHaveLength(3);
  });

  test('weeks begin on Monday', () => {
    // 2026-11-22 is a Sunday
    const times = ['2026-11-16T01:00', '2026-11-22T23:00', '2026-11-23T00:00'];
    expect(kept(times, { weekly: 2 })).toEqual(['2026-11-22T23:00', '2026-11-23T00:00']);
  });

  test('days, weeks and months together keep what one of them keeps', () => {
    const times = ['2026-09-30T06:00', '2026-10-31T06:00', '2026-11-14T06:00', '2026-11-22T06:00', '2026-11-23T06:00'];
    expect(kept(times, { daily: 1, weekly: 2, monthly: 3 })).toEqual([
      '2026-09-30T06:00',
      '2026-10-31T06:00',
      '2026-11-22T06:00',
      '2026-11-23T06:00',
    ]);
  });

  test('days that nothing was published on do not count', () => {
    expect(kept(['2026-01-01T00:00', '2026-11-23T00:00'], { daily: 2 })).toHaveLength(2);
  });

  test('keeps nothing without a number', () => {
    expect(kept(['2026-11-23T00:00'], {})).toEqual([]);
  });
});

test('stampOf names a time to the minute, or to the second where that is taken', () => {
  const at = Date.parse('2026-11-23T06:00:31.500Z');
  expect(stampOf(at)).toBe('2026-11-23T06:00Z');
  expect(stampOf(at, (stamp) => stamp === '2026-11-23T06:00Z')).toBe('2026-11-23T06:00:31Z');
});

test('isStamp knows what stampOf makes, and nothing else', () => {
  expect(['2026-11-23T06:00Z', '2026-11-23T06:00:31Z'].map(isStamp)).toEqual([true, true]);
  const others = ['', 'previous', '2026-11-23', '2026-13-23T06:00Z', '2026-11-23T06:00Z/', '../x'];
  expect(others.map(isStamp)).toEqual(others.map(() => false));
});
