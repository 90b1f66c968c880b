import { moment, say, type Sentence } from '../sentence.js';
import { countOf, formatDuration } from '../units.js';
import type { Verdict } from './facts.js';
import { mayHaveChanged, nextFetch, serving, verdict, type Situation } from './situation.js';

/** An upstream that has not changed for so many of its usual periods is called idle. */
const IDLE_PERIODS = 10;
const ENOUGH_CHANGES = 3;
/** A published tree is late after so many of our own periods. */
const LATE_PERIODS = 2;

/** What is kept in step in another way than by runs on a schedule has one verdict, as long as nothing is wrong with it. */
export function standing(s: Situation): Verdict | undefined {
  const kind = s.mirror.standing ?? null;
  if (kind === null || (kind === 'frozen' && !s.live)) return undefined;
  const since = s.live?.publishedAt ?? null;
  if (kind === 'frozen')
    return verdict(s, 'frozen', say`Archive, no longer changes. ${serving(s)}`, { since, next: nextFetch(s) });
  const sentence = kind === 'cache' ? say`Fetched on demand.` : say`Passed on from upstream, nothing is kept.`;
  return verdict(s, kind, sentence, { since, next: say`What is asked for is fetched then.`, nextAt: null });
}

/** Too long since we were in step, or upstream has had for too long what we lack. */
export function late(s: Situation): Verdict | undefined {
  if (!s.live || s.period === null) return undefined;
  const allowed = LATE_PERIODS * s.period + s.jitter;
  const usual = formatDuration(s.period);
  const lag = lagOf(s);
  if (lag !== null && lag > allowed)
    return verdict(s, 'late', say`${lagPhrase(s, lag)}; usual is every ${usual}. ${whoseFault(s)}`, {
      since: s.now - (lag - allowed) * 1000,
      next: nextFetch(s),
    });
  const limit = s.live.confirmedAt + allowed * 1000;
  // nobody is late who may not ask
  if (s.now <= limit || s.isPaceUsedUp) return undefined;
  const sentence = say`Last in step with upstream ${moment(s.live.confirmedAt)}; usual is every ${usual}.`;
  return verdict(s, 'late', sentence, { since: limit, next: nextFetch(s) });
}

export function behind(s: Situation): Verdict | undefined {
  const { live, lastGood } = s;
  if (!live) return undefined;
  if (lastGood?.generation && lastGood.generation > live.id) {
    const sentence = say`Switched back to the tree of ${moment(live.publishedAt)}; a newer one was published before.`;
    return verdict(s, 'behind', sentence, { since: null, next: nextFetch(s) });
  }
  const lag = lagOf(s);
  if (lag !== null)
    return verdict(s, 'behind', say`${lagPhrase(s, lag)}. ${whoseFault(s)}${serving(s)}`, {
      since: s.now - lag * 1000,
      next: nextFetch(s),
    });
  const seen = newestSeen(s);
  if (!seen || !live.markerValue || seen.value === live.markerValue) return undefined;
  const changed = seen.time === null ? say`` : say` at ${moment(seen.time)}`;
  return verdict(s, 'behind', say`Upstream has published something newer${changed}. ${serving(s)}`, {
    since: seen.time ?? seen.at,
    next: nextFetch(s),
  });
}

export function upstreamIdle(s: Situation): Verdict | undefined {
  const period = usualChange(s.markerTimes);
  const changedAt = s.live?.markerTime ?? null;
  if (!isCompared(s) || changedAt === null || period === null) return undefined;
  if (s.now - changedAt <= IDLE_PERIODS * period) return undefined;
  const usual = formatDuration(period / 1000);
  const sentence = say`Same as upstream, which has not changed since ${moment(changedAt)}; usual is every ${usual}.`;
  return verdict(s, 'upstream-idle', sentence, { since: changedAt, next: nextFetch(s) });
}

export function current(s: Situation): Verdict | undefined {
  if (!s.live) return undefined;
  const asOf = moment(comparedAt(s, s.live));
  // without a marker nobody has compared anything since the last run: more is not claimed
  const sentence = isCompared(s)
    ? say`Same as upstream as of ${asOf}.`
    : say`In step with upstream as of ${asOf} (last successful run).`;
  const changed = mayHaveChanged(s) ? say` A fetch that was cut off since may have changed some of its files.` : say``;
  return verdict(s, 'current', say`${sentence}${changed}`, { since: s.live.publishedAt, next: nextFetch(s) });
}

/** Seconds for which upstream has had something that we lack; null when it has not, or nobody has counted. */
function lagOf({ upstream }: Situation): number | null {
  const lag = upstream?.lagSeconds ?? 0;
  return lag > 0 || (upstream?.updatesBehind ?? 0) > 0 ? lag : null;
}

function lagPhrase({ upstream }: Situation, lag: number): string {
  const updates = upstream?.updatesBehind ?? null;
  const count = updates === null || updates < 1 ? 'Behind upstream' : `${countOf(updates, 'update', 'updates')} behind`;
  return updates === null || updates < 1 ? `${count} by ${formatDuration(lag)}` : `${count} (${formatDuration(lag)})`;
}

/** Whether it is the mirror that we fetch from that is behind, where the true upstream is known as well. */
function whoseFault({ upstream, live }: Situation): Sentence {
  const { origin, direct } = upstream ?? {};
  if (!origin?.value || !direct?.value || origin.value === direct.value) return say``;
  return direct.value === live?.markerValue
    ? say`The mirror that we fetch from has nothing newer yet. `
    : say`The mirror that we fetch from is behind itself. `;
}

/** The newest marker that a run, or somebody beside the runs, has read; nothing where that was counted already. */
function newestSeen(s: Situation): { value: string; time: number | null; at: number | null } | undefined {
  const run = s.ended.find(({ markerValue }) => markerValue !== null);
  const read = s.upstream?.direct;
  const readAt = read?.readAt ?? 0;
  if (run?.markerValue && (run.startedAt ?? run.queuedAt) >= readAt)
    return { value: run.markerValue, time: run.markerTime, at: run.startedAt };
  const isCounted = (s.upstream?.lagSeconds ?? null) !== null;
  return read?.value && !isCounted && isOfContent(s) ? { value: read.value, time: read.time, at: readAt } : undefined;
}

/** When the published tree was last seen to be equal to its upstream. */
function comparedAt({ upstream }: Situation, live: NonNullable<Situation['live']>): number {
  const read = upstream?.direct;
  const isSame = read?.value && read.value === live.markerValue && read.readAt !== null;
  return isSame ? Math.max(live.confirmedAt, read.readAt) : live.confirmedAt;
}

/** Whether the published tree was compared with upstream's marker, and not only fetched. */
function isCompared(s: Situation): boolean {
  return isOfContent(s) && Boolean(s.live?.markerValue);
}

/** A heartbeat moves without a change, and a run of upstream may have brought nothing. */
function isOfContent({ mirror }: Situation): boolean {
  return mirror.marker?.meaning === 'content';
}

/** The median distance between changes of upstream, milliseconds; null when too few of them are known. */
function usualChange(markerTimes: readonly number[]): number | null {
  const times = [...new Set(markerTimes)].sort((a, b) => a - b);
  const distances = times.slice(1).map((time, index) => time - (times[index] ?? time));
  if (distances.length < ENOUGH_CHANGES) return null;
  return distances.sort((a, b) => a - b)[Math.floor(distances.length / 2)] ?? null;
}
