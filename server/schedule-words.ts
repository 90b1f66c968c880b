import { parse, type ParsedFields } from 'node-cron';
import type { Schedule } from '../core/schedule.js';
import { formatDuration } from '../core/units.js';

type Cron = Extract<Schedule, { kind: 'cron' }>;

const DAY = 24 * 60;
/** Days looked at to find the longest gap: a year and the day that closes it. */
const DAYS = 367;
const periods = new WeakMap<Schedule, number>();

/** The schedule as a fragment of a sentence, `every 4 hours at minute 17`. */
export function scheduleWords(schedule: Schedule): string {
  if (schedule.kind === 'manual') return 'only when an operator asks';
  if (schedule.kind === 'every') return `every ${formatDuration(schedule.seconds)}`;
  return cronWords(schedule) ?? `by cron "${schedule.expression}" (${schedule.timezone})`;
}

/** The longest time between two scheduled runs, seconds; null when nothing is scheduled. */
export function schedulePeriod(schedule: Schedule): number | null {
  if (schedule.kind === 'manual') return null;
  if (schedule.kind === 'every') return schedule.seconds;
  const known = periods.get(schedule);
  if (known !== undefined) return known;
  const period = longestGap(parse(schedule.expression)) * 60;
  periods.set(schedule, period);
  return period;
}

function cronWords(schedule: Cron): string | undefined {
  const [minute = '', hour = '', ...days] = schedule.expression.trim().split(/\s+/);
  if (days.length !== 3 || days.some((field) => field !== '*')) return undefined;
  const everyMinutes = stepOf(minute, 60);
  if (everyMinutes && hour === '*') return everyMinutes === 1 ? 'every minute' : `every ${everyMinutes} minutes`;
  if (!/^\d+$/.test(minute)) return undefined;
  if (hour === '*') return `every hour at minute ${minute}`;
  const everyHours = stepOf(hour, 24);
  if (everyHours) return `every ${everyHours} hours at minute ${minute}`;
  if (!/^\d+(,\d+)*$/.test(hour)) return undefined;
  const times = hour.split(',').map((each) => `${each.padStart(2, '0')}:${minute.padStart(2, '0')}`);
  return `daily at ${times.join(', ')} (${schedule.timezone})`;
}

/** 1 for `*`, 5 for a step of 5 that divides `whole`; undefined for anything else. */
function stepOf(field: string, whole: number): number | undefined {
  if (field === '*') return 1;
  const step = Number(/^\*\/(\d+)$/.exec(field)?.[1] ?? 0);
  return step > 1 && whole % step === 0 ? step : undefined;
}

/** Minutes. Time zones are left out: they move a run by an hour on two days of the year. */
function longestGap(fields: ParsedFields): number {
  const times = fields.hour.flatMap((hour) => fields.minute.map((minute) => hour * 60 + minute)).sort((a, b) => a - b);
  // "5#2" or "5L" in the field of weekdays: one day a month, five weeks apart at the most
  if (fields.dayOfWeek.some((day) => typeof day === 'string')) return 5 * 7 * DAY;
  let longest = 0;
  let previous: number | undefined;
  for (let day = 0; day < DAYS; day++) {
    if (!isDayOf(fields, new Date(Date.UTC(2024, 0, 1 + day)))) continue;
    for (const time of times) {
      const now = day * DAY + time;
      if (previous !== undefined) longest = Math.max(longest, now - previous);
      previous = now;
    }
  }
  return longest || DAYS * DAY;
}

function isDayOf(fields: ParsedFields, date: Date): boolean {
  const lastOfMonth = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  const isDay = fields.dayOfMonth.some((day) => (day === 'L' ? lastOfMonth : Number(day)) === date.getUTCDate());
  return isDay && fields.dayOfWeek.includes(date.getUTCDay()) && fields.month.includes(date.getUTCMonth() + 1);
}
