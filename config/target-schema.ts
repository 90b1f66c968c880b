import type * as z from 'zod';
import type { SyncTarget } from '../core/sync-target.js';
import type { Schedule } from '../core/schedule.js';
import { timezoneProblem } from './cron-sentence.js';
import * as field from './fields.js';
import * as problem from './mirror-problems.js';

/** The keys that whatever is kept in step with an upstream has: mirrors of trees, and of images. */

export const words = {
  title: field.text({ description: 'Name for people. Default: its name here.' }).optional(),
  description: field.text({ description: 'What it is, in one sentence.' }, problem.description).optional(),
};

export const rhythm = {
  schedule: field
    .text(
      {
        description: 'When it is due: a cron expression of five fields, or manual.',
        examples: ['17 */4 * * *', 'manual'],
      },
      problem.schedule,
    )
    .optional(),
  timezone: field
    .text(
      { description: 'Time zone of the cron expression. Default: that of this machine.', examples: ['Europe/Berlin'] },
      timezoneProblem,
    )
    .optional(),
  every: field
    .duration('1m', '366d', {
      description: 'When it is due, instead of "schedule": so long after the last run began.',
      examples: ['4h'],
    })
    .optional(),
};

const retry = field
  .section({
    attempts: field.whole(1, 50, { description: 'Tries in all, the first one included.' }).prefault(5),
    backoff: field
      .durationRange('1s', '7d', { description: 'Pause before the second try, and the longest one.' })
      .prefault('1m..1h'),
  })
  .prefault({})
  .meta({ description: 'What happens after a run that failed and may succeed later.' });

export const endurance = {
  timeout: field.duration('1s', '14d', { description: 'How long a run may last in all.' }).prefault('12h'),
  stall: field.duration('1s', '1d', { description: 'A run without a byte for so long is ended.' }).prefault('15m'),
  retry,
};

export type RawTarget = z.output<z.ZodObject<typeof words & typeof rhythm & typeof endurance>>;

/** What only the keys of a schedule together tell. Runs on sections with other problems too. */
export function checkRhythm(
  { schedule, every, timezone }: Partial<RawTarget>,
  complain: (key: string, sentence: string) => void,
): void {
  if (schedule === undefined && every === undefined)
    complain('schedule', 'is missing: write a cron expression, "manual", or "every: 4h" instead');
  if (schedule !== undefined && every !== undefined) complain('every', 'cannot stand beside "schedule": choose one');
  if (timezone !== undefined && (schedule === undefined || schedule === 'manual'))
    complain('timezone', 'has a meaning only for a cron expression in "schedule"');
}

/** The part that the engine reads, all defaults filled in. */
export function resolveTarget(name: string, raw: RawTarget): SyncTarget {
  return {
    name,
    title: raw.title ?? name,
    description: (raw.description ?? '').replace(/\s+/g, ' ').trim(),
    schedule: resolveSchedule(raw),
    timeout: raw.timeout,
    stall: raw.stall,
    retry: { attempts: raw.retry.attempts, firstBackoff: raw.retry.backoff.from, maxBackoff: raw.retry.backoff.to },
  };
}

function resolveSchedule({ schedule, every, timezone }: RawTarget): Schedule {
  if (every !== undefined) return { kind: 'every', seconds: every };
  if (schedule === undefined || schedule === 'manual') return { kind: 'manual' };
  const zone = timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  return { kind: 'cron', expression: schedule.trim(), timezone: zone || 'UTC' };
}
