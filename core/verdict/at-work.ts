import type { Run } from '../run.js';
import { moment, say } from '../sentence.js';
import { formatDuration } from '../units.js';
import { phaseWords } from '../verdict-words.js';
import type { Verdict } from './facts.js';
import { nextFetch, serving, verdict, type Situation } from './situation.js';

/** A run that is silent for this long, or three times slower than usual and at least so long, is called stuck. */
const STUCK_SECONDS = 15 * 60;
const ENOUGH_SAMPLES = 5;

export function stuck(s: Situation): Verdict | undefined {
  const run = s.activity.running;
  if (run?.phase !== 'pull' || run.startedAt === null) return undefined;
  const silent = (s.now - (s.activity.lastByteAt ?? run.startedAt)) / 1000;
  const lasted = (s.now - run.startedAt) / 1000;
  // a run is ended after `stall`: said at half of that, or it would never be seen
  const isSilent = silent >= Math.min(STUCK_SECONDS, s.mirror.stall / 2);
  const usual = usualLongest(s.ended);
  const isSlow = usual !== null && lasted > Math.max(3 * usual, STUCK_SECONDS);
  if (!isSilent && !isSlow) return undefined;
  const since = s.activity.lastByteAt ?? run.startedAt;
  if (!isSilent) {
    const sentence = say`Running for ${formatDuration(lasted)}; usual is ${formatDuration(usual ?? 0)}. ${serving(s)}`;
    const next = say`It goes on; an operator can end it with "millpond cancel ${s.mirror.name}".`;
    return verdict(s, 'stuck', sentence, { since, next, nextAt: null });
  }
  const restart = s.now + (s.mirror.stall - silent) * 1000;
  const quiet = say`Running for ${formatDuration(lasted)}, no data for ${formatDuration(silent)}`;
  return verdict(s, 'stuck', say`${quiet}; will be restarted at ${moment(restart)}. ${serving(s)}`, {
    since,
    next: say`It will be ended at ${moment(restart)} and tried again, unless data comes.`,
    nextAt: restart,
  });
}

export function running(s: Situation): Verdict | undefined {
  const { running: run, progress } = s.activity;
  if (!run) return undefined;
  const percent = run.phase === 'pull' && progress ? `, ${Math.floor(progress.percent)} %` : '';
  const eta = run.phase === 'pull' && progress?.eta ? `, about ${formatDuration(progress.eta)} left` : '';
  const doing = say`${phaseWords(run.phase)}${percent}${eta}`;
  const sentence = s.live ? say`Fetching now: ${doing}. ${serving(s)}` : say`First fetch: ${doing}; not complete yet.`;
  return verdict(s, 'running', sentence, {
    since: run.startedAt,
    next: s.terms?.publishing ?? say`The new tree is published when it is complete and verified.`,
  });
}

export function queued(s: Situation): Verdict | undefined {
  const { queued: run, place } = s.activity;
  if (!run) return undefined;
  const where = place === null ? '' : `, place ${place} in the queue`;
  return verdict(s, 'queued', say`Waiting to be fetched${where}. ${serving(s)}`, {
    since: run.queuedAt,
    next: say`It starts as soon as a place is free.`,
  });
}

export function notYetTried(s: Situation): Verdict | undefined {
  return s.live || s.newest ? undefined : incomplete(s);
}

/** What is left when no rule has anything to say. */
export function incomplete(s: Situation): Verdict {
  const sentence = s.terms?.incomplete ?? say`The first fetch is not complete yet; nothing is served.`;
  return verdict(s, 'new', sentence, { since: null, next: nextFetch(s) });
}

/** The 95th percentile of what fetching runs lasted, seconds; null when there are too few of them. */
function usualLongest(ended: readonly Run[]): number | null {
  const lasted = ended
    .filter((run) => run.outcome === 'updated' && run.startedAt !== null && run.endedAt !== null)
    .map((run) => ((run.endedAt ?? 0) - (run.startedAt ?? 0)) / 1000)
    .sort((a, b) => a - b);
  if (lasted.length < ENOUGH_SAMPLES) return null;
  return lasted[Math.ceil(lasted.length * 0.95) - 1] ?? null;
}
