import { MillpondError } from '../../core/errors.js';
import type { Mirror } from '../../core/mirror.js';
import { fetchesWithin, opensAt, PACE_WINDOW_MS, type Pace } from '../../core/pace.js';
import { utcMinute } from '../../core/sentence.js';
import type { Store } from '../../store/open.js';

/** Registries have budgets of their own. */
export function paceOf(mirror: Mirror): Pace | null {
  return mirror.kind === 'oci' ? null : mirror.pace;
}

/** The first moment from `from` on at which the pace of the mirror lets a run start, milliseconds since the epoch. */
export function paceOpensAt({ runs }: Pick<Store, 'runs'>, mirror: Mirror, from: number): number {
  const pace = paceOf(mirror);
  return pace === null ? from : opensAt(pace, runs.fetches(mirror.name, from - PACE_WINDOW_MS), from);
}

/**
 * A person is not bound to the minutes of an hour, but told of a day that is used up.
 * @throws MillpondError conflict
 */
export function refuseOverPace(store: Pick<Store, 'runs'>, mirror: Mirror, now: number): void {
  const most = paceOf(mirror)?.maxPerDay ?? null;
  const fetches = most === null ? 0 : fetchesWithin(store.runs.fetches(mirror.name, now - PACE_WINDOW_MS), now);
  if (most === null || fetches < most) return;
  throw new MillpondError(
    'conflict',
    `this would be fetch ${fetches + 1} of ${mirror.name} within 24 hours, of at most ${most} (pace.max_per_day)`,
    {
      hint:
        `The next may start at ${utcMinute(paceOpensAt(store, mirror, now))}. To start one all the same, whatever ` +
        'marker and guard say: --force.',
    },
  );
}
