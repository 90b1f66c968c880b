import { describe, expect, test } from 'vitest';
import { forecastDisk, type DiskSample } from '../../core/disk-forecast.js';

const HOUR = 3600_000;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 10, 25, 12);
const TB = 1e12;

/** Hourly samples of `days` days up to now; `free` tells what was free so many days ago. */
function samples(days: number, free: (daysAgo: number) => number, total = 100 * TB): DiskSample[] {
  return Array.from({ length: days * 24 }, (_, index) => {
    const at = NOW - (days * 24 - 1 - index) * HOUR;
    return { at, total, free: free((NOW - at) / DAY) };
  });
}

function days(at: number | null | undefined): number {
  return Math.round(((at ?? Infinity) - NOW) / DAY);
}

describe('forecastDisk', () => {
  test('tells the day on which a disk that fills steadily has only its reserve left', () => {
    const found = forecastDisk(
      samples(30, (ago) => 10 * TB + ago * TB),
      2 * TB,
      NOW,
    );
    expect([found?.early, found?.likely, found?.late].map(days)).toEqual([8, 8, 8]);
    expect(found?.perDay).toBeCloseTo(TB, -9);
  });

  test('is not led astray by a mirror that was added, or by a day of tidying up', () => {
    const jump = forecastDisk(
      samples(30, (ago) => 20 * TB + ago * 0.1 * TB + (ago > 3 ? 10 * TB : 0)),
      0,
      NOW,
    );
    expect(days(jump?.likely)).toBeGreaterThan(150);
    expect(days(jump?.early)).toBeLessThan(days(jump?.likely));
    expect(days(jump?.likely)).toBeLessThanOrEqual(days(jump?.late));
  });

  test('tells no day of a disk that does not fill, or fills in many years only', () => {
    expect(
      forecastDisk(
        samples(30, () => TB),
        0,
        NOW,
      ),
    ).toMatchObject({ early: null, likely: null, late: null });
    const emptying = forecastDisk(
      samples(30, (ago) => 90 * TB - ago * TB),
      0,
      NOW,
    );
    expect(emptying).toMatchObject({ likely: null });
    expect(emptying?.perDay).toBeLessThan(0);
    expect(
      forecastDisk(
        samples(30, (ago) => 90 * TB + ago * 1e9),
        0,
        NOW,
      ),
    ).toMatchObject({ likely: null });
  });

  test('is full now where only the reserve is left', () => {
    expect(
      days(
        forecastDisk(
          samples(9, (ago) => TB + ago * TB),
          2 * TB,
          NOW,
        )?.likely,
      ),
    ).toBe(0);
  });

  test('tells nothing from less than four days, nor from before the disk was made larger', () => {
    expect(forecastDisk([], 0, NOW)).toBeNull();
    expect(
      forecastDisk(
        samples(2, (ago) => TB + ago * TB),
        0,
        NOW,
      ),
    ).toBeNull();
    const larger = [
      ...samples(30, (ago) => TB * ago, 50 * TB).filter(({ at }) => at < NOW - 2 * DAY),
      ...samples(2, () => TB),
    ];
    expect(forecastDisk(larger, 0, NOW)).toBeNull();
  });
});
