import type { MirrorActivity, MirrorState } from './engine.js';
import type { Generation } from './generation.js';
import type { MarkerRule } from './mirror.js';
import type { Run } from './run.js';
import { moment, say, type Sentence } from './sentence.js';
import type { SyncTarget } from './sync-target.js';
import { formatFiles, formatDuration } from './units.js';
import { failureWords, phaseWords, type VerdictWord } from './verdict-words.js';

/** The state of a mirror: one word, one sentence, since when, on what grounds, and what happens next. */
export interface Verdict {
  readonly word: VerdictWord;
  readonly sentence: Sentence;
  /** When the state began, milliseconds since the epoch; null when that is not known. */
  readonly since: number | null;
  readonly evidence: readonly { readonly label: string; readonly text: Sentence }[];
  readonly next: Sentence;
  /** When the next run or try is due, if one is. */
  readonly nextAt: number | null;
}

/** How sentences speak of what is mirrored, where that is no tree which is switched as a whole. */
export interface VerdictTerms {
  /** What is served now. */
  readonly serving: Sentence;
  /** When what a running fetch brings is served. */
  readonly publishing: Sentence;
  /** What is said before any fetch has come to a good end. */
  readonly incomplete: Sentence;
}

/** All that a verdict may rest on. Times are milliseconds since the epoch. */
export interface VerdictFacts {
  readonly now: number;
  readonly mirror: Pick<SyncTarget, 'name' | 'stall' | 'retry'> & {
    readonly marker: MarkerRule | null;
    /** How a tree is published; images always are in one transaction. */
    readonly publish: 'slots' | 'in-place';
  };
  /** Seconds between scheduled runs at the most; null when runs are only asked for. */
  readonly period: number | null;
  /** The most that is added to a scheduled time, seconds. */
  readonly jitter: number;
  readonly state: MirrorState;
  readonly activity: MirrorActivity;
  /** Ended runs, newest first. Thirty are enough. */
  readonly ended: readonly Run[];
  readonly lastGood: Run | null;
  readonly live: Generation | null;
  /** The tree that the guard holds back; null is none, left out where it is no tree that is published as a whole. */
  readonly held?: { readonly runId: number; readonly heldAt: number; readonly sentence: string } | null;
  /** Only where it is no tree. */
  readonly terms?: VerdictTerms;
  /** Times that the upstream's marker is known to have had, in any order. */
  readonly markerTimes: readonly number[];
}

/** A run that is silent for this long, or three times slower than usual and at least so long, is called stuck. */
const STUCK_SECONDS = 15 * 60;
const ENOUGH_SAMPLES = 5;
/** An upstream that has not changed for so many of its usual periods is called idle. */
const IDLE_PERIODS = 10;
const ENOUGH_CHANGES = 3;

interface Situation extends VerdictFacts {
  /** The newest ended run that says something about the upstream: neither cancelled nor interrupted. */
  readonly newest: Run | undefined;
  /** Failed runs since the last good one, newest first. */
  readonly streak: readonly Run[];
}

const RULES: readonly ((situation: Situation) => Verdict | undefined)[] = [
  paused,
  held,
  quarantined,
  stuck,
  running,
  queued,
  notYetTried,
  retrying,
  refused,
  upstreamDown,
  failing,
  late,
  behind,
  upstreamIdle,
  current,
];

/** The first rule that applies decides. Says nothing that the facts do not carry. */
export function decideVerdict(facts: VerdictFacts): Verdict {
  const telling = facts.ended.filter((run) => run.outcome !== 'cancelled' && run.outcome !== 'interrupted');
  const good = telling.findIndex((run) => run.outcome !== 'failed');
  const streak = good === -1 ? telling : telling.slice(0, good);
  const situation: Situation = { ...facts, newest: telling[0], streak };
  for (const rule of RULES) {
    const verdict = rule(situation);
    if (verdict) return verdict;
  }
  return incomplete(situation);
}

function paused(s: Situation): Verdict | undefined {
  const { pausedAt, pauseReason } = s.state;
  if (pausedAt === null) return undefined;
  const reason = pauseReason ? `: ${withoutStop(pauseReason)}` : '';
  return verdict(s, 'paused', say`Paused by operations since ${moment(pausedAt)}${reason}. ${serving(s)}`, {
    since: pausedAt,
    next: s.activity.running
      ? say`The fetch that is running goes on; no other is started until an operator resumes the mirror.`
      : say`No fetch is started until an operator resumes the mirror.`,
    nextAt: null,
  });
}

function held(s: Situation): Verdict | undefined {
  if (s.activity.running?.force) return undefined;
  if (s.held === undefined) return imagesHeld(s);
  if (s.held === null) return undefined;
  const { runId, heldAt, sentence } = s.held;
  const { name } = s.mirror;
  const publishes = `"millpond approve ${name} --run ${runId}" publishes it`;
  const drops = `"millpond reject ${name} --run ${runId}" drops it`;
  return verdict(s, 'held', say`${withoutStop(sentence)}; waiting for a person. ${serving(s)}`, {
    since: heldAt,
    next: say`An operator looks at /status/${name}/held and decides: ${publishes}, ${drops}. What upstream changes meanwhile takes its place.`,
  });
}

/** Of images nothing is kept that could be let through: they are fetched again, whatever goes. */
function imagesHeld(s: Situation): Verdict | undefined {
  const run = s.newest;
  if (run?.outcome !== 'held') return undefined;
  const { deletedFiles } = run.numbers;
  const share = s.live && s.live.files > 0 ? ` (${Math.round((100 * deletedFiles) / s.live.files)} % of the tree)` : '';
  const what =
    deletedFiles > 0
      ? `Upstream removed ${formatFiles(deletedFiles)}${share}`
      : withoutStop(run.message ?? 'The new tree is over a limit');
  return verdict(s, 'held', say`${what}; waiting for a person. ${serving(s)}`, {
    since: run.endedAt,
    next: say`An operator looks at it and, when it is meant, lets it through with "millpond sync ${s.mirror.name} --force".`,
  });
}

function quarantined(s: Situation): Verdict | undefined {
  const run = s.newest;
  if (run?.outcome !== 'quarantined' || s.activity.running?.force) return undefined;
  const found = withoutStop(run.message ?? '').replace(/^The new tree failed verification(?:: |$)/, '');
  const served =
    s.mirror.publish === 'in-place' && s.live
      ? say`It is served all the same: this mirror is changed in place, and no other tree is kept.`
      : serving(s);
  return verdict(s, 'quarantined', say`The new tree failed its verification${found && `: ${found}`}. ${served}`, {
    since: run.endedAt,
    next: nextFetch(s),
  });
}

function stuck(s: Situation): Verdict | undefined {
  const run = s.activity.running;
  if (run?.phase !== 'pull' || run.startedAt === null) return undefined;
  const silent = (s.now - (s.activity.lastByteAt ?? run.startedAt)) / 1000;
  const lasted = (s.now - run.startedAt) / 1000;
  // a run is ended after `stall`: said at half of that, or it would never be seen
  const isSilent = silent >= Math.min(STUCK_SECONDS, s.mirror.stall / 2);
  const usual = usualLongest(s.ended);
  const isSlow = usual !== null && lasted > Math.max(3 * usual, STUCK_SECONDS);
  if (!isSilent && !isSlow) return undefined;
  const restart = s.now + (s.mirror.stall - silent) * 1000;
  const sentence = isSilent
    ? say`Running for ${formatDuration(lasted)}, no data for ${formatDuration(silent)}. ${serving(s)}`
    : say`Running for ${formatDuration(lasted)}; usual is ${formatDuration(usual ?? 0)}. ${serving(s)}`;
  return verdict(s, 'stuck', sentence, {
    since: s.activity.lastByteAt ?? run.startedAt,
    next: isSilent
      ? say`It will be ended at ${moment(restart)} and tried again, unless data comes.`
      : say`It goes on; an operator can end it with "millpond cancel ${s.mirror.name}".`,
    nextAt: isSilent ? restart : null,
  });
}

function running(s: Situation): Verdict | undefined {
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

function queued(s: Situation): Verdict | undefined {
  const { queued: run, place } = s.activity;
  if (!run) return undefined;
  const where = place === null ? '' : `, place ${place} in the queue`;
  return verdict(s, 'queued', say`Waiting to be fetched${where}. ${serving(s)}`, {
    since: run.queuedAt,
    next: say`It starts as soon as a place is free.`,
  });
}

function notYetTried(s: Situation): Verdict | undefined {
  return s.live || s.newest ? undefined : incomplete(s);
}

function retrying(s: Situation): Verdict | undefined {
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

function refused(s: Situation): Verdict | undefined {
  const run = s.streak[0];
  if (run?.failure !== 'refused') return undefined;
  const text = run.message ? ` (${withoutStop(run.message)})` : '';
  return verdict(s, 'refused', say`The upstream refuses us${text}. ${serving(s)}`, {
    since: firstFailure(s),
    next: nextFetch(s),
  });
}

function upstreamDown(s: Situation): Verdict | undefined {
  const unreachable = s.streak.every((run) => run.failure === 'connect' || run.failure === 'dns');
  const since = firstFailure(s);
  if (!s.streak.length || !unreachable || !s.live || since === null) return undefined;
  const copy = say`our copy is whole and was in step at ${moment(s.live.confirmedAt)}`;
  return verdict(s, 'upstream-down', say`Upstream unreachable since ${moment(since)}; ${copy}.`, {
    since,
    next: nextFetch(s),
  });
}

function failing(s: Situation): Verdict | undefined {
  const [run] = s.streak;
  const since = firstFailure(s);
  if (!run || since === null) return undefined;
  const times = s.streak.length === 1 ? 'once' : `${s.streak.length} times`;
  const when = s.streak.length === 1 ? say`at ${moment(since)}` : say`since ${moment(since)}`;
  const why = run.failure ? failureWords(run.failure) : 'no reason was recorded';
  const good = s.live ? say`Last good ${moment(s.live.confirmedAt)}.` : say`It has never finished yet.`;
  return verdict(s, 'failing', say`Failed ${times} ${when}: ${why}. ${good}`, { since, next: nextFetch(s) });
}

function late(s: Situation): Verdict | undefined {
  if (!s.live || s.period === null) return undefined;
  const limit = s.live.confirmedAt + (2 * s.period + s.jitter) * 1000;
  if (s.now <= limit) return undefined;
  const usual = formatDuration(s.period);
  const sentence = say`Last in step with upstream ${moment(s.live.confirmedAt)}; usual is every ${usual}.`;
  return verdict(s, 'late', sentence, { since: limit, next: nextFetch(s) });
}

function behind(s: Situation): Verdict | undefined {
  const { live, newest, lastGood } = s;
  if (!live) return undefined;
  if (lastGood?.generation && lastGood.generation > live.id) {
    const sentence = say`Switched back to the tree of ${moment(live.publishedAt)}; a newer one was published before.`;
    return verdict(s, 'behind', sentence, { since: null, next: nextFetch(s) });
  }
  const seen = s.ended.find((run) => run.markerValue !== null) ?? newest;
  if (!seen || !live.markerValue || !seen.markerValue || seen.markerValue === live.markerValue) return undefined;
  const changed = seen.markerTime === null ? say`` : say` at ${moment(seen.markerTime)}`;
  return verdict(s, 'behind', say`Upstream has published something newer${changed}. ${serving(s)}`, {
    since: seen.markerTime ?? seen.startedAt,
    next: nextFetch(s),
  });
}

function upstreamIdle(s: Situation): Verdict | undefined {
  const period = usualChange(s.markerTimes);
  const changedAt = s.live?.markerTime ?? null;
  if (!isCompared(s) || changedAt === null || period === null) return undefined;
  if (s.now - changedAt <= IDLE_PERIODS * period) return undefined;
  const usual = formatDuration(period / 1000);
  const sentence = say`Same as upstream, which has not changed since ${moment(changedAt)}; usual is every ${usual}.`;
  return verdict(s, 'upstream-idle', sentence, { since: changedAt, next: nextFetch(s) });
}

function current(s: Situation): Verdict | undefined {
  if (!s.live) return undefined;
  const asOf = moment(s.live.confirmedAt);
  // without a marker nobody has compared anything since the last run: more is not claimed
  const sentence = isCompared(s)
    ? say`Same as upstream as of ${asOf}.`
    : say`In step with upstream as of ${asOf} (last successful run).`;
  return verdict(s, 'current', sentence, { since: s.live.publishedAt, next: nextFetch(s) });
}

function incomplete(s: Situation): Verdict {
  const sentence = s.terms?.incomplete ?? say`The first fetch is not complete yet; nothing is served.`;
  return verdict(s, 'new', sentence, {
    since: null,
    next: nextFetch(s),
  });
}

function verdict(
  s: Situation,
  word: VerdictWord,
  sentence: Sentence,
  more: { since: number | null; next: Sentence; nextAt?: number | null },
): Verdict {
  const nextAt = more.nextAt === undefined ? s.state.nextDueAt : more.nextAt;
  return { word, sentence: trimmed(sentence), since: more.since, evidence: evidenceOf(s), next: more.next, nextAt };
}

function evidenceOf(s: Situation): Verdict['evidence'] {
  const evidence: { label: string; text: Sentence }[] = [];
  const last = s.ended[0];
  if (last?.outcome && last.endedAt !== null) {
    const message = last.message ? `: ${withoutStop(last.message)}` : '';
    evidence.push({ label: `Run ${last.id}`, text: say`${last.outcome} ${moment(last.endedAt)}${message}.` });
  }
  if (s.live?.markerTime) evidence.push({ label: 'Our marker', text: say`${moment(s.live.markerTime)}` });
  if (s.live?.verification) evidence.push({ label: 'Verification', text: say`${s.live.verification}` });
  const upstream = s.ended.find((run) => run.markerTime !== null);
  if (upstream?.markerTime) evidence.push({ label: "Upstream's marker", text: say`${moment(upstream.markerTime)}` });
  return evidence;
}

function serving(s: Situation): Sentence {
  if (s.terms) return s.terms.serving;
  if (!s.live) return say`Nothing is served yet.`;
  const of = moment(s.live.publishedAt);
  return mayHaveChanged(s)
    ? say`Serving the tree of ${of} and what was changed in place since.`
    : say`Serving the tree of ${of}.`;
}

/** Whether a run that has not come to a good end may have been at the very files that are served. */
function mayHaveChanged({ mirror, activity, ended }: Situation): boolean {
  if (mirror.publish !== 'in-place') return false;
  const last = ended[0]?.outcome;
  return activity.running !== null || (last !== undefined && last !== 'updated' && last !== 'unchanged');
}

function nextFetch(s: Situation): Sentence {
  const due = s.state.nextDueAt;
  if (due === null) return say`The next fetch starts when an operator asks for it.`;
  return due < s.now ? say`The next fetch is due now.` : say`Next fetch ${moment(due)}.`;
}

/** Whether the published tree was compared with upstream's marker, and not only fetched. */
function isCompared(s: Situation): boolean {
  return s.mirror.marker !== null && Boolean(s.live?.markerValue);
}

function firstFailure(s: Situation): number | null {
  const first = s.streak.at(-1);
  return first ? (first.endedAt ?? first.queuedAt) : null;
}

/** The median distance between changes of upstream, milliseconds; null when too few of them are known. */
function usualChange(markerTimes: readonly number[]): number | null {
  const times = [...new Set(markerTimes)].sort((a, b) => a - b);
  const distances = times.slice(1).map((time, index) => time - (times[index] ?? time));
  if (distances.length < ENOUGH_CHANGES) return null;
  return distances.sort((a, b) => a - b)[Math.floor(distances.length / 2)] ?? null;
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

function trimmed(sentence: Sentence): Sentence {
  const last = sentence.at(-1);
  return typeof last === 'string' ? [...sentence.slice(0, -1), last.trimEnd()] : sentence;
}

function withoutStop(text: string): string {
  return text.trim().replace(/[.\s]+$/, '');
}
