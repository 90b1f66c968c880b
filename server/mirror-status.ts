import type { Settings } from '../config/settings.js';
import type { EngineView } from '../core/engine.js';
import { measureFreshness, type Freshness, type UpstreamReading } from '../core/freshness.js';
import type { Generation } from '../core/generation.js';
import { heldSentence } from '../core/guard.js';
import type { HeldTree } from '../core/held.js';
import type { MarkerRule, TreeMirror } from '../core/mirror.js';
import { opensAt, PACE_WINDOW_MS, type Pace } from '../core/pace.js';
import { quarantinesInARow, type Run, type RunProgress } from '../core/run.js';
import { plainSentence, say, moment, type Sentence } from '../core/sentence.js';
import { parseUpstream } from '../core/upstream.js';
import { decideVerdict, type Verdict } from '../core/verdict.js';
import { VERDICT_SIGNS, type VerdictSign, type VerdictWord } from '../core/verdict-words.js';
import type { Store } from '../store/open.js';
import { growthOf, type Growth } from './growth.js';
import { helpPath } from './help/help.js';
import { schedulePeriod, scheduleWords } from './schedule-words.js';
import { scrubberFor, scrubberOf, type Scrub } from './scrub.js';

export interface StatusDeps {
  settings(): Settings;
  readonly store: Store;
  readonly engine: EngineView;
  /** Milliseconds since the epoch. */
  clock(): number;
  /** Whether it is the administrator who asks, who may know the names of all files. */
  readonly isForAdministrator?: boolean;
}

/** A sentence as plain text for programs, and in parts for pages that show its moments in their own way. */
export interface PublicSentence {
  readonly text: string;
  readonly parts: Sentence;
}

/** What pages, JSON, CLI and metrics show of a mirror. Times are milliseconds since the epoch, UTC; sizes are bytes. */
export interface MirrorStatus {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly path: string;
  readonly statusPath: string;
  /** Instructions for clients; null where there are none. */
  readonly helpPath: string | null;
  readonly verdict: PublicVerdict;
  /** The tree that is served; null before the first publish. */
  readonly published: Omit<Generation, 'mirror' | 'slot' | 'state'> | null;
  /** How the size of what is served changed in a week; null while there is only one tree to tell of. */
  readonly growth: Growth | null;
  /** Tried in order; without user names, local folders unnamed. */
  readonly upstreams: readonly string[];
  readonly schedule: string;
  readonly nextDueAt: number | null;
  readonly publish: TreeMirror['publish'];
  /** Path of the upstream's freshness file; null when it has none. */
  readonly marker: string | null;
  /** The newest marker that a run has read from the upstream. */
  readonly upstreamMarker: { readonly value: string; readonly time: number | null } | null;
  /** The tree that the guard holds back, by the run that brought it; null when none waits. */
  readonly held: {
    readonly runId: number;
    readonly heldAt: number;
    readonly sentence: string;
    readonly path: string;
  } | null;
  /** The markers of both upstreams as last read, and how far this mirror is behind them. */
  readonly upstream: Freshness;
  /** The rule for how often upstream may be asked, and how much of it is used up; null where there is none. */
  readonly pace: PaceStatus | null;
  readonly paused: { readonly at: number; readonly reason: string } | null;
  readonly running: Run | null;
  readonly progress: RunProgress | null;
  readonly queued: Run | null;
  readonly place: number | null;
  readonly lastRun: Run | null;
  readonly lastGood: Run | null;
  /** How many of the newest runs ended in quarantine, one after the other. */
  readonly quarantines: number;
}

export interface PaceStatus extends Pace {
  /** Fetches of the last 24 hours. */
  readonly fetches: number;
  /** When the next may start; null when that is now. */
  readonly opensAt: number | null;
}

export interface PublicVerdict extends VerdictSign {
  readonly word: VerdictWord;
  readonly sentence: string;
  readonly parts: Sentence;
  readonly since: number | null;
  readonly evidence: readonly ({ readonly label: string } & PublicSentence)[];
  readonly next: PublicSentence;
  readonly nextAt: number | null;
}

/** Ended runs that a verdict looks at; also the length of the strip on the mirror's page. */
export const RECENT_RUNS = 30;
/** Generations that are looked at for growth and for the habits of an upstream. */
export const RECENT_GENERATIONS = 100;

/** Undefined when no such mirror is configured. Reads memory and SQLite only, never the trees. */
export function mirrorStatus(deps: StatusDeps, name: string): MirrorStatus | undefined {
  const settings = deps.settings();
  const mirror = settings.mirrors.get(name);
  return mirror && statusOf(deps, mirror, scrubberFor(settings));
}

/** All configured mirrors, in the order of the configuration. */
export function allMirrorStatuses(deps: StatusDeps): MirrorStatus[] {
  const settings = deps.settings();
  const scrub = scrubberFor(settings);
  return [...settings.mirrors.values()].map((mirror) => statusOf(deps, mirror, scrub));
}

/** The run as the public may see it. */
export function publicRun(run: Run, scrub: Scrub): Run {
  return {
    ...run,
    message: run.message === null ? null : scrub(run.message),
    upstream: run.upstream === null ? null : publicUpstream(run.upstream, scrub),
  };
}

function statusOf(deps: StatusDeps, mirror: TreeMirror, scrub: Scrub): MirrorStatus {
  const { store, engine } = deps;
  const ofRuns = deps.isForAdministrator === true ? scrub : scrubberOf(deps.settings(), mirror.name, scrub);
  const ended = store.runs.ended(mirror.name, RECENT_RUNS).map((run) => publicRun(run, ofRuns));
  const good = store.runs.lastGood(mirror.name);
  const lastGood = good ? publicRun(good, ofRuns) : null;
  const live = store.generations.live(mirror.name) ?? null;
  const generations = store.generations.list(mirror.name, RECENT_GENERATIONS);
  const activity = engine.activity(mirror.name);
  const state = publicState(store.mirrors.get(mirror.name), scrub);
  const now = deps.clock();
  const held = heldStatus(store.held.get(mirror.name));
  const verdict = decideVerdict({
    ...{ now, mirror, state, activity, ended, lastGood, live, held },
    period: schedulePeriod(mirror.schedule),
    jitter: deps.settings().sync.jitter,
    markerTimes: [...ended, ...generations].flatMap(({ markerTime }) => markerTime ?? []),
  });
  const marked = [activity.running, ...ended].find((run) => run?.markerValue);
  return {
    name: mirror.name,
    title: mirror.title,
    description: mirror.description,
    path: `/${mirror.name}/`,
    statusPath: `/status/${mirror.name}`,
    helpPath: helpPath(mirror),
    verdict: publicVerdict(verdict),
    published: live && publicGeneration(live),
    growth: live && growthOf(live, generations, now),
    upstreams: mirror.upstreams.map((upstream) => publicUpstream(upstream, scrub)),
    schedule: scheduleWords(mirror.schedule),
    nextDueAt: state.nextDueAt,
    publish: mirror.publish,
    marker: mirror.marker && markerName(mirror.marker),
    upstreamMarker: marked?.markerValue ? { value: marked.markerValue, time: marked.markerTime } : null,
    held: held && { ...held, path: `/status/${mirror.name}/held` },
    upstream: upstreamOf(deps, mirror, { live, scrub, now }),
    pace: mirror.pace && paceStatus(deps, mirror.name, mirror.pace, now),
    paused: state.pausedAt === null ? null : { at: state.pausedAt, reason: state.pauseReason ?? '' },
    running: activity.running && publicRun(activity.running, ofRuns),
    progress: activity.running && activity.progress,
    queued: activity.queued && publicRun(activity.queued, ofRuns),
    place: activity.place,
    lastRun: ended[0] ?? null,
    lastGood,
    quarantines: quarantinesInARow(ended),
  };
}

function heldStatus(held: HeldTree | null) {
  return held && { runId: held.runId, heldAt: held.heldAt, sentence: heldSentence(held.report.limits) };
}

/** How many mirrors are in which state, best first: `3 of 4 current · 1 late`. */
export function summaryOf(statuses: readonly Pick<MirrorStatus, 'verdict'>[]): {
  total: number;
  states: Partial<Record<VerdictWord, number>>;
  text: string;
} {
  const states: Partial<Record<VerdictWord, number>> = {};
  for (const { verdict } of statuses) states[verdict.word] = (states[verdict.word] ?? 0) + 1;
  const words = Object.keys(VERDICT_SIGNS).reverse() as VerdictWord[];
  const others = words
    .filter((word) => word !== 'current' && states[word])
    .map((word) => `${states[word] ?? 0} ${VERDICT_SIGNS[word].label}`);
  return {
    total: statuses.length,
    states,
    text: statuses.length
      ? [`${states.current ?? 0} of ${statuses.length} current`, ...others].join(' · ')
      : 'no mirrors yet',
  };
}

/** How fresh the served tree is, in a few words for a table. */
export function freshnessOf(status: MirrorStatus): Sentence {
  return status.published ? say`in step ${moment(status.published.confirmedAt)}` : say`not published yet`;
}

/** The verdict with its sign, each sentence as text and in parts. */
export function publicVerdict(verdict: Verdict): PublicVerdict {
  return {
    word: verdict.word,
    ...VERDICT_SIGNS[verdict.word],
    sentence: plainSentence(verdict.sentence),
    parts: verdict.sentence,
    since: verdict.since,
    evidence: verdict.evidence.map(({ label, text }) => ({ label, ...publicSentence(text) })),
    next: publicSentence(verdict.next),
    nextAt: verdict.nextAt,
  };
}

function publicSentence(parts: Sentence): PublicSentence {
  return { text: plainSentence(parts), parts };
}

function publicGeneration(live: Generation): NonNullable<MirrorStatus['published']> {
  const { id, runId, files, bytes, markerValue, markerTime, verification, publishedAt, confirmedAt } = live;
  return { id, runId, files, bytes, markerValue, markerTime, verification, publishedAt, confirmedAt };
}

export function publicState<T extends { pauseReason: string | null }>(state: T, scrub: Scrub): T {
  return { ...state, pauseReason: state.pauseReason === null ? null : scrub(state.pauseReason) };
}

function upstreamOf(
  { store }: StatusDeps,
  { name, marker }: TreeMirror,
  { live, scrub, now }: { live: Generation | null; scrub: Scrub; now: number },
): Freshness {
  const readings = marker ? store.markers.of(name) : {};
  const facts = { now, meaning: marker?.meaning ?? 'content', published: live, readings } as const;
  const freshness = measureFreshness({
    ...facts,
    newerThan: (source, value) => store.markers.newerThan(name, source, value),
  });
  const shown = (reading: UpstreamReading | null): UpstreamReading | null =>
    reading && { ...reading, message: reading.message === null ? null : scrub(reading.message) };
  return { ...freshness, direct: shown(freshness.direct), origin: shown(freshness.origin) };
}

function paceStatus({ store }: StatusDeps, mirror: string, pace: Pace, now: number): PaceStatus {
  const fetches = store.runs.fetches(mirror, now - PACE_WINDOW_MS);
  const opens = opensAt(pace, fetches, now);
  return { ...pace, fetches: fetches.length, opensAt: opens > now ? opens : null };
}

/** The path of a marker, the first of several, or its name in its address. */
function markerName({ paths, url }: MarkerRule): string {
  return paths[0] ?? (url === null ? '' : new URL(url).pathname.replace(/^\/+/, ''));
}

function publicUpstream(upstream: string, scrub: Scrub): string {
  try {
    return parseUpstream(upstream).display;
  } catch {
    return scrub(upstream); // what an older configuration allowed and a kept run still names
  }
}
