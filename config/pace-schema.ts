import type * as z from 'zod';
import type { Pace } from '../core/pace.js';
import * as field from './fields.js';

/** Rules of good manners towards an upstream that hold whatever the schedule says. */
export const pace = field
  .section({
    max_per_day: field
      .whole(1, 1000, { description: 'Fetches within 24 hours; what ends as unchanged by the marker does not count.' })
      .optional(),
    minutes: field
      .parsed('a range of minutes of the hour, 0 to 59: write it as 5-55', parseMinutes, {
        description: 'Runs start within these minutes of an hour (UTC), both included.',
        examples: ['5-55'],
      })
      .optional(),
    jitter: field
      .duration('0s', '1d', {
        description: 'A scheduled run starts up to so much later, by chance. Default: that of "sync".',
      })
      .optional(),
  })
  .meta({ description: 'How often upstream may be asked, and when: holds for each schedule and for tries again.' });

export function resolvePace(raw: z.output<typeof pace> | undefined): Pace | null {
  if (!raw) return null;
  return { maxPerDay: raw.max_per_day ?? null, minutes: raw.minutes ?? null, jitter: raw.jitter ?? null };
}

function parseMinutes(text: string): { from: number; to: number } | undefined {
  const [, first, last] = /^(\d{1,2}) ?- ?(\d{1,2})$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  return first !== undefined && from <= to && to <= 59 ? { from, to } : undefined;
}
