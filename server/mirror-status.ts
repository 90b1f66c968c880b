import type { Settings } from '../config/settings.js';
import type { EngineView, MirrorActivity, MirrorState } from '../core/engine.js';
import {
  measureFreshness,
  newestReading,
  type Freshness,
  type MarkerSource,
  type NewerMarkers,
  type UpstreamReading,
} from '../core/freshness.js';
import type { Generation } from '../core/generation.js';
import { heldSentence } from '../core/guard.js';
import type { HeldTree } from '../core/held.js';
import type { MarkerRule, TreeMirror } from '../core/mirror.js';
import { fetchesWithin, opensAt, PACE_WINDOW_MS, type Pace } from '../core/pace.js';
import { quarantinesInARow, type FailureStreak, type Run, type RunOutcome, type RunProgress } from '../core/run.js';
import { plainSentence, say, moment, type Sentence } from '../core/sentence.js';
import { parseUpstream } from '../core/upstream.js';
import { decideVerdict } from '../core/verdict.js';
import type { Verdict } from '../core/verdict/facts.js';
import { VERDICT_SIGNS, type VerdictSign, type VerdictWord } from '../core/verdict-words.js';
import type { Store } from '../store/open.js';
import { growthOf, type Growth, type SizedGeneration } from './growth.js';
import { helpPath } from './help/help.js';
import { schedulePeriod, scheduleWords } from './schedule-words.js';
import type { Scrub } from './scrub.js';

export interface StatusDeps {
  settings(): Settings;
  readonly store: Store;
  readonly engine: EngineView;
  /** Milliseconds since the epoch. */
  clock(): number;
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
  /** The newest marker that was read from the upstream. */
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

/** With these a series of failures goes on. */
const NO_END: ReadonlySet<RunOutcome> = new Set(['failed', 'cancelled', 'interrupted']);

/** The run as the public may see it. */
export function publicRun(run: Run, scrub: Scrub): Run {
  return {
    ...run,
    message: run.message === null ? null : scrub(run.message),
    upstream: run.upstream === null ? null : publicUpstream(run.upstream, scrub),
  };
}

/** What makes a status fit for those who read it: what is said of runs may name files, which only some may know. */
export interface StatusScrub {
  readonly all: Scrub;
  readonly runs: Scrub;
}

/** What the database says of a mirror, as those who read it may see it. */
export interface MirrorRecords {
  readonly ended: readonly Run[];
  readonly lastGood: Run | null;
  readonly failures: FailureStreak | null;
  readonly live: Generation | null;
  readonly generations: readonly SizedGeneration[];
  /** Times that the upstream's marker is known to have had. */
  readonly markerTimes: readonly number[];
  readonly state: MirrorState;
  /** As they are shown: they are of the settings, which are others only when all records are made anew. */
  readonly upstreams: readonly string[];
  /** The markers of its upstreams as last read, and what each had since it had the one of the published tree. */
  readonly readings: Partial<Record<MarkerSource, UpstreamReading>>;
  readonly newer: Partial<Record<MarkerSource, NewerMarkers>>;
  /** When the fetches of the last 24 hours started. */
  readonly fetches: readonly number[];
  /** The tree that waits for a person. */
  readonly held: { readonly runId: number; readonly heldAt: number; readonly sentence: string } | null;
}

/** Reads SQLite only, never the trees. */
export function mirrorRecords(
  { store, clock }: Pick<StatusDeps, 'store' | 'clock'>,
  { name, marker, origin, pace, upstreams }: TreeMirror,
  scrub: StatusScrub,
): MirrorRecords {
  const ended = store.runs.ended(name, RECENT_RUNS).map((run) => publicRun(run, scrub.runs));
  const good = store.runs.lastGood(name);
  const generations = store.generations.list(name, RECENT_GENERATIONS);
  const live = publicTree(store.generations.live(name) ?? null, scrub.runs);
  return {
    ...{ ended, live },
    lastGood: good ? publicRun(good, scrub.runs) : null,
    failures: longFailures(store, name, ended),
    generations: generations.map(({ id, state, bytes, publishedAt }) => ({ id, state, bytes, publishedAt })),
    markerTimes: [...ended, ...generations].flatMap(({ markerTime }) => markerTime ?? []),
    state: publicState(store.mirrors.get(name), scrub.all),
    upstreams: upstreams.map((address) => publicUpstream(address, scrub.all)),
    readings: marker ? publicReadings(readingsOf(store, name, origin !== null), scrub.all) : {},
    newer: marker ? newerMarkers(store, name, live) : {},
    fetches: pace ? store.runs.fetches(name, clock() - PACE_WINDOW_MS) : [],
    held: heldStatus(store.held.get(name), scrub.runs),
  };
}

/** Of a mirror whose failures are more than the runs that are looked at, or may be; null of others. */
export function longFailures({ runs }: Store, mirror: string, ended: readonly Run[]): FailureStreak | null {
  const isAll = ended.length === RECENT_RUNS && ended.every(({ outcome }) => outcome !== null && NO_END.has(outcome));
  return isAll ? runs.failures(mirror) : null;
}

/** What was found when it was verified may name files. */
function publicTree(live: Generation | null, scrub: Scrub): Generation | null {
  return live && { ...live, verification: live.verification === null ? null : scrub(live.verification) };
}

/** What was read of an origin that the configuration no longer names would never change again. */
function readingsOf({ markers }: Pick<Store, 'markers'>, name: string, hasOrigin: boolean): MirrorRecords['readings'] {
  const { direct, origin } = markers.of(name);
  return { ...(direct ? { direct } : {}), ...(origin && hasOrigin ? { origin } : {}) };
}

function publicReadings(readings: MirrorRecords['readings'], scrub: Scrub): MirrorRecords['readings'] {
  const shown = Object.entries(readings).map(([source, reading]) => [
    source,
    { ...reading, message: reading.message === null ? null : scrub(reading.message) },
  ]);
  return Object.fromEntries(shown) as MirrorRecords['readings'];
}

function newerMarkers({ markers }: Store, mirror: string, live: Generation | null): MirrorRecords['newer'] {
  const value = live?.markerValue ?? null;
  if (value === null) return {};
  const [direct, origin] = [markers.newerThan(mirror, 'direct', value), markers.newerThan(mirror, 'origin', value)];
  return { ...(direct ? { direct } : {}), ...(origin ? { origin } : {}) };
}

/** What a status is made of, beside the mirror. */
export interface StatusFacts {
  readonly records: MirrorRecords;
  readonly activity: MirrorActivity;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Seconds by which a scheduled run may start later, where the mirror has no rule of its own. */
  readonly jitter: number;
  readonly scrub: StatusScrub;
}

/** Undone by nothing but other facts: equal ones make an equal status. */
export function mirrorStatus(mirror: TreeMirror, facts: StatusFacts): MirrorStatus {
  const { records, activity, now, jitter, scrub } = facts;
  const upstream = upstreamOf(mirror, records, now);
  const { ended, lastGood, failures, live, generations, markerTimes, state, held } = records;
  const pace = mirror.pace && paceStatus(mirror.pace, records.fetches, now);
  const verdict = decideVerdict({
    ...{ now, state, activity, ended, lastGood, failures, live, held, markerTimes, upstream },
    jitter: mirror.pace?.jitter ?? jitter,
    isPaceUsedUp: Boolean(pace?.maxPerDay && pace.fetches >= pace.maxPerDay),
    mirror: { ...mirror, standing: mirror.frozen ? 'frozen' : null },
    period: schedulePeriod(mirror.schedule),
  });
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
    upstreams: records.upstreams,
    schedule: scheduleWords(mirror.schedule),
    nextDueAt: state.nextDueAt,
    publish: mirror.publish,
    marker: mirror.marker && markerName(mirror.marker),
    upstreamMarker: upstreamMarkerOf([activity.running, ...ended], upstream),
    upstream,
    pace,
    held: held && { ...held, path: `/status/${mirror.name}/held` },
    paused: state.pausedAt === null ? null : { at: state.pausedAt, reason: state.pauseReason ?? '' },
    running: activity.running && publicRun(activity.running, scrub.runs),
    progress: activity.running && activity.progress,
    queued: activity.queued && publicRun(activity.queued, scrub.runs),
    place: activity.place,
    lastRun: ended[0] ?? null,
    lastGood,
    quarantines: quarantinesInARow(ended),
  };
}

function heldStatus(held: HeldTree | null, scrub: Scrub): MirrorRecords['held'] {
  return held && { runId: held.runId, heldAt: held.heldAt, sentence: scrub(heldSentence(held.report.limits)) };
}

/** The newest that was read: at the true upstream, at the one that is fetched from, or by a run. */
function upstreamMarkerOf(
  runs: readonly (Run | null)[],
  { origin, direct }: Freshness,
): MirrorStatus['upstreamMarker'] {
  const read = newestReading({ ...(origin ? { origin } : {}), ...(direct ? { direct } : {}) });
  if (read) return { value: read.value, time: read.time };
  const marked = runs.find((run) => run?.markerValue);
  return marked?.markerValue ? { value: marked.markerValue, time: marked.markerTime } : null;
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

function upstreamOf({ marker }: TreeMirror, { live, readings, newer }: MirrorRecords, now: number): Freshness {
  const facts = { now, meaning: marker?.meaning ?? 'content', published: live, readings } as const;
  return measureFreshness({ ...facts, newerThan: (source) => newer[source] ?? null });
}

function paceStatus(pace: Pace, fetches: readonly number[], now: number): PaceStatus {
  const opens = opensAt(pace, fetches, now);
  return { ...pace, fetches: fetchesWithin(fetches, now), opensAt: opens > now ? opens : null };
}

/** The path of a marker, the first of several, or its name in its address. */
function markerName({ paths, url }: MarkerRule): string {
  return paths[0] ?? (url === null ? '' : new URL(url).pathname.replace(/^\/+/, ''));
}

function publicUpstream(upstream: string, scrub: Scrub): string {
  try {
    return scrub(parseUpstream(upstream).display);
  } catch {
    return scrub(upstream); // what an older configuration allowed and a kept run still names
  }
}
