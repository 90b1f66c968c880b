import { describe, expect, it } from 'vitest';
import type { Schedule } from '../../core/schedule.js';
import { schedulePeriod, scheduleWords } from '../../server/schedule-words.js';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 24 * HOUR;

function cron(expression: string): Schedule {
  return { kind: 'cron', expression, timezone: 'Europe/Berlin' };
}

const CASES: readonly [Schedule, string, number | null][] = [
  [{ kind: 'manual' }, 'only when an operator asks', null],
  [{ kind: 'every', seconds: 4 * HOUR }, 'every 4 h', 4 * HOUR],
  [cron('* * * * *'), 'every minute', MINUTE],
  [cron('*/10 * * * *'), 'every 10 minutes', 10 * MINUTE],
  [cron('*/7 * * * *'), 'by cron "*/7 * * * *" (Europe/Berlin)', 7 * MINUTE],
  [cron('5 * * * *'), 'every hour at minute 5', HOUR],
  [cron('17 */4 * * *'), 'every 4 hours at minute 17', 4 * HOUR],
  [cron('0 3 * * *'), 'daily at 03:00 (Europe/Berlin)', DAY],
  [cron('30 6,18 * * *'), 'daily at 06:30, 18:30 (Europe/Berlin)', 12 * HOUR],
  [cron('0 3 * * 1-5'), 'by cron "0 3 * * 1-5" (Europe/Berlin)', 3 * DAY],
  [cron('0 3 L * *'), 'by cron "0 3 L * *" (Europe/Berlin)', 31 * DAY],
  [cron('0 3 * * 5#2'), 'by cron "0 3 * * 5#2" (Europe/Berlin)', 35 * DAY],
  [cron('0 3 1 1 *'), 'by cron "0 3 1 1 *" (Europe/Berlin)', 366 * DAY],
];

describe('scheduleWords', () => {
  it.each(CASES)('puts %j into words', (schedule, words) => {
    expect(scheduleWords(schedule)).toBe(words);
  });
});

describe('schedulePeriod', () => {
  it.each(CASES)('of %j (%s) is the longest gap between two runs', (schedule, _words, seconds) => {
    expect(schedulePeriod(schedule)).toBe(seconds);
  });
});
