import { moment, say, type Sentence } from '../core/sentence.js';
import { countOf, formatDuration } from '../core/units.js';
import type { PaceStatus } from './mirror-status.js';

/** What the pace of a mirror allows, and what is left of it. */
export function paceWords({ maxPerDay, minutes, jitter, fetches, opensAt }: PaceStatus): Sentence {
  const rules = [
    maxPerDay === null ? [] : [`at most ${countOf(maxPerDay, 'fetch', 'fetches')} in 24 hours, ${fetches} used`],
    minutes === null ? [] : [`starts in minutes ${minutes.from} to ${minutes.to} of an hour (UTC)`],
    jitter === null ? [] : [`up to ${formatDuration(jitter)} later by chance`],
  ].flat();
  const text = rules.join('; ');
  return opensAt === null ? say`${text}` : say`${text}; the next may start ${moment(opensAt)}`;
}
