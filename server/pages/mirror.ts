import type { UpstreamReading } from '../../core/freshness.js';
import type { Generation } from '../../core/generation.js';
import type { Run } from '../../core/run.js';
import type { TrafficNumbers } from '../../core/traffic.js';
import { countOf, formatBytes, formatCount } from '../../core/units.js';
import type { GenerationsData } from '../generations.js';
import { growthWords } from '../growth.js';
import { lagWords } from '../lag.js';
import { paceWords } from '../pace-words.js';
import type { MirrorStatus } from '../mirror-status.js';
import type { RecordedVerdict } from '../../store/verdicts.js';
import type { LogTail } from '../run-log.js';
import { generationRows } from './generations.js';
import { verdictView, type PageFrame } from './page-frame.js';
import { runStrip } from './run-strip.js';
import { changeRows, logView, outcomeSign, progressView, runHref, runRow } from './run-view.js';
import { sizeLine } from './size-line.js';
import { stateHistoryView } from './state-strip.js';
import { sentenceView, timeOrNull } from './time-view.js';
import { renderView } from './view.js';

export interface MirrorPage {
  /** Where the tree is served; null before it is. */
  readonly address: string | null;
  /** Where it is served over rsync, and why it is not just now; null where it never is. */
  readonly rsync: { readonly address: string; readonly trouble: string | null } | null;
  /** The newest, newest first. */
  readonly runs: readonly Run[];
  /** The newest run that brought something; null when none is known any more. */
  readonly changed: Run | null;
  /** The newest, newest first. */
  readonly generations: readonly Generation[];
  /** Those that can be read. */
  readonly served: GenerationsData;
  /** The states that it was in, newest first. */
  readonly states: readonly RecordedVerdict[];
  /** What was sent of it, in the last 24 hours and in the last 30 days. */
  readonly traffic: { readonly day: TrafficNumbers; readonly month: TrafficNumbers };
  /** The end of the newest run's log. */
  readonly log: LogTail | null;
  /** Why the client may not see the log, as a sentence; null where it may. */
  readonly closedLog: string | null;
}

/** Runs in the open table; the others can be unfolded. */
const OPEN_RUNS = 5;
/** Generations in the table; the others have a page of their own. */
const OPEN_GENERATIONS = 5;

/** `/status/<mirror>`. */
export function renderMirror(frame: PageFrame, status: MirrorStatus, page: MirrorPage): string {
  const { now } = frame;
  const { running } = status;
  const rows = page.runs.map((run) => runRow(run, now));
  const [newest] = page.runs;
  return renderView('mirror', {
    ...frame,
    name: status.name,
    mirrorTitle: status.title,
    description: status.description,
    browse: status.published ? status.path : null,
    help: status.helpPath,
    address: page.address,
    rsync: page.rsync,
    verdict: verdictView(status.verdict, now),
    progress: running && { ...progressView(running, status.progress), href: runHref(running), id: running.id },
    held: status.held?.path ?? null,
    paused: status.paused && { time: timeOrNull(status.paused.at, now), reason: status.paused.reason },
    published: publishedView(status, now),
    marker: status.marker,
    upstreamMarker: timeOrNull(status.upstreamMarker?.time, now),
    origin: status.upstream.origin && readingView(status.upstream.origin, now),
    direct: status.upstream.direct && readingView(status.upstream.direct, now),
    upstreams: status.upstreams,
    schedule: status.schedule,
    pace: status.pace && sentenceView(paceWords(status.pace), now),
    next: timeOrNull(status.verdict.nextAt, now),
    inPlace: status.publish === 'in-place',
    runs: rows.slice(0, OPEN_RUNS),
    olderRuns: rows.slice(OPEN_RUNS),
    strip: runStrip(page.runs, now),
    states: stateHistoryView(page.states, now),
    subscribe: { feed: `/feeds/${status.name}.atom`, badge: `${status.statusPath}/badge.svg` },
    changed: page.changed && changedView(page.changed, now),
    growth: status.growth && growthWords(status.growth, now),
    size: sizeLine(page.generations, now),
    generations: generationRows(status, page.served, now).slice(0, OPEN_GENERATIONS),
    generationsHref: `${status.path}@/`,
    traffic: { day: trafficWords(page.traffic.day), month: trafficWords(page.traffic.month) },
    statistics: `/stats?period=month&mirror=${encodeURIComponent(status.name)}`,
    log: logView(page.log),
    closedLog: page.closedLog,
    logRun: newest ? { id: newest.id, href: runHref(newest), ...outcomeSign(newest) } : null,
    twins: { json: `${status.statusPath}.json`, text: `${status.statusPath}.txt` },
  });
}

/** A marker as it was last read between runs, and since when it cannot be. */
function readingView({ value, time, readAt, failedSince }: UpstreamReading, now: number): object {
  const none = value !== null ? 'without a time' : readAt === null ? 'not read yet' : 'upstream has none';
  return { time: timeOrNull(time, now), none, failed: timeOrNull(failedSince, now) };
}

function trafficWords({ requests, bytes }: TrafficNumbers): string {
  return `${formatBytes(bytes)} for ${countOf(requests, 'request', 'requests')}`;
}

function publishedView(status: MirrorStatus, now: number): object | null {
  const { published } = status;
  return (
    published && {
      id: published.id,
      published: timeOrNull(published.publishedAt, now),
      confirmed: timeOrNull(published.confirmedAt, now),
      markerTime: timeOrNull(published.markerTime, now),
      files: formatCount(published.files),
      size: formatBytes(published.bytes),
      behind: lagWords(status),
    }
  );
}

function changedView(run: Run, now: number): object {
  return {
    id: run.id,
    href: runHref(run),
    time: timeOrNull(run.endedAt, now),
    received: formatBytes(run.numbers.receivedBytes),
    rows: changeRows(run),
  };
}
