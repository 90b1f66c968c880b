import { moment, say } from '../sentence.js';
import { formatCount } from '../units.js';
import { failureWords } from '../verdict-words.js';
import type { Verdict } from './facts.js';
import { firstFailure, mayHaveChanged, nextFetch, serving, verdict, withoutStop, type Situation } from './situation.js';

/** A marker that cannot be read for so long makes the upstream one that is down, though no run has failed yet. */
const UNREADABLE_SECONDS = 15 * 60;

export function retrying(s: Situation): Verdict | undefined {
  const run = s.streak[0];
  // the schedule may have come first, and a pause may have let the time go by
  if (!run || run.retryAt === null || run.retryAt !== s.state.nextDueAt) return undefined;
  // a streak in which a whole series of tries was used up is a failure, whatever the newest try is
  if (s.streak.some((failed) => failed.retryAt === null)) return undefined;
  const why = run.failure ? `: ${failureWords(run.failure)}` : '';
  const tries = `Try ${run.attempt} of ${s.mirror.retry.attempts}`;
  return verdict(s, 'retrying', say`${tries} failed${why}; next try ${moment(run.retryAt)}. ${serving(s)}`, {
    since: firstFailure(s),
    next: say`Try ${run.attempt + 1} at ${moment(run.retryAt)}.`,
    nextAt: run.retryAt,
  });
}

export function refused(s: Situation): Verdict | undefined {
  const run = s.streak[0];
  if (run?.failure !== 'refused') return undefined;
  const text = run.message ? ` (${withoutStop(run.message)})` : '';
  return verdict(s, 'refused', say`The upstream refuses us${text}. ${serving(s)}`, {
    since: firstFailure(s),
    next: nextFetch(s),
  });
}

export function upstreamDown(s: Situation): Verdict | undefined {
  const since = unreachableSince(s);
  if (!s.live || since === null) return undefined;
  const copy = mayHaveChanged(s)
    ? say`. ${serving(s)}`
    : say`; our copy is whole and was in step at ${moment(s.live.confirmedAt)}.`;
  return verdict(s, 'upstream-down', say`Upstream unreachable since ${moment(since)}${copy}`, {
    since,
    next: nextFetch(s),
  });
}

export function failing(s: Situation): Verdict | undefined {
  const [run] = s.streak;
  const since = firstFailure(s);
  if (!run || since === null) return undefined;
  const count = s.failures?.count ?? s.streak.length;
  const times = count === 1 ? 'once' : `${formatCount(count)} times`;
  const when = count === 1 ? say`at ${moment(since)}` : say`since ${moment(since)}`;
  const why = run.failure ? failureWords(run.failure) : 'no reason was recorded';
  const good = s.live ? say`Last good ${moment(s.live.confirmedAt)}.` : say`It has never finished yet.`;
  return verdict(s, 'failing', say`Failed ${times} ${when}: ${why}. ${good}`, { since, next: nextFetch(s) });
}

/** By the runs, or by the marker that is read beside them. */
function unreachableSince(s: Situation): number | null {
  if (s.streak.length > 0) {
    const isUnreachable = s.streak.every(({ failure }) => failure === 'connect' || failure === 'dns');
    if (!isUnreachable) return null;
    return s.failures ? s.failures.unreachableSince : firstFailure(s);
  }
  const failedSince = s.upstream?.direct?.failedSince ?? null;
  return failedSince !== null && s.now - failedSince >= UNREADABLE_SECONDS * 1000 ? failedSince : null;
}
