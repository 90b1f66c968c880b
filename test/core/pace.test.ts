import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fetchesWithin, opensAt, type Pace } from '../../core/pace.js';

const NONE: Pace = { maxPerDay: null, minutes: null, jitter: null };
const HOUR = 3_600_000;
const at = (text: string): number => Date.parse(`2026-11-25T${text}Z`);
const yesterday = (text: string): number => at(text) - 24 * HOUR;

describe('opensAt', () => {
  test('is at once where nothing is limited, or fewer fetches than the most have been', () => {
    expect(opensAt(NONE, [at('10:00')], at('10:01'))).toBe(at('10:01'));
    expect(opensAt({ ...NONE, maxPerDay: 2 }, [at('10:00')], at('10:01'))).toBe(at('10:01'));
    expect(opensAt({ ...NONE, maxPerDay: 1 }, [yesterday('10:01')], at('10:01'))).toBe(at('10:01'));
  });

  test('is 24 hours after the fetch that fills the day', () => {
    const fetches = [at('09:00'), yesterday('23:00'), at('03:00'), yesterday('08:00')];
    expect(opensAt({ ...NONE, maxPerDay: 3 }, fetches, at('10:00'))).toBe(at('23:00'));
    expect(opensAt({ ...NONE, maxPerDay: 1 }, fetches, at('10:00'))).toBe(at('09:00') + 24 * HOUR);
  });

  test('does not count what a wrong clock has recorded of times to come', () => {
    const fetches = [at('23:00'), at('23:30'), at('09:00')];
    expect(opensAt({ ...NONE, maxPerDay: 2 }, fetches, at('10:00'))).toBe(at('10:00'));
    expect(opensAt({ ...NONE, maxPerDay: 1 }, fetches, at('10:00'))).toBe(at('09:00') + 24 * HOUR);
  });

  test.each([
    ['10:03:59', '10:05:00'],
    ['10:05:00', '10:05:00'],
    ['10:55:59.999', '10:55:59.999'],
    ['10:56:00', '11:05:00'],
  ])('moves %s into the minutes of an hour: %s', (from, expected) => {
    expect(opensAt({ ...NONE, minutes: { from: 5, to: 55 } }, [], at(from))).toBe(at(expected));
  });

  test('never lets more start within any 24 hours, nor outside of the minutes', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 5 * HOUR }), { maxLength: 60 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 59 }), (waits, most, from) => {
        const pace = { ...NONE, maxPerDay: most, minutes: { from, to: Math.min(59, from + 10) } };
        const started: number[] = [];
        let now = at('00:00');
        for (const wait of waits) {
          now = opensAt(pace, started, now + wait);
          started.push(now);
          expect(fetchesWithin(started, now)).toBeLessThanOrEqual(most);
          const minute = new Date(now).getUTCMinutes();
          expect(minute >= from && minute <= pace.minutes.to).toBe(true);
        }
      }),
    );
  });
});
