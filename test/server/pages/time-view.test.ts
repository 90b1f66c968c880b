import { describe, expect, it } from 'vitest';
import { timeView } from '../../../server/pages/time-view.js';

const NOW = Date.UTC(2026, 10, 23, 14, 0, 30);

describe('timeView', () => {
  it.each([
    [Date.UTC(2026, 10, 23, 13, 58, 30), '13:58 UTC', '2 min ago'],
    [Date.UTC(2026, 10, 23, 14, 0, 28), '14:00 UTC', 'now'],
    [Date.UTC(2026, 10, 23, 15, 30), '15:30 UTC', 'in 1 h'],
    [Date.UTC(2026, 10, 21, 9, 5), '21 Nov, 09:05 UTC', '2 d ago'],
    [Date.UTC(2025, 11, 31, 23, 59), '2025-12-31 23:59 UTC', '326 d ago'],
  ])('shows %d as %j and %j', (at, absolute, relative) => {
    expect(timeView(at, NOW)).toEqual({ iso: new Date(at).toISOString(), absolute, relative });
  });
});
