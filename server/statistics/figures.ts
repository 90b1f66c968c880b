import {
  spanStart,
  spanStarts,
  type DayTop,
  type Span,
  type TopKind,
  type TrafficNumbers,
} from '../../core/traffic.js';
import type { Store } from '../../store/open.js';
import type { TrafficColumn, TrafficPoint, TrafficRange, TrafficSum } from '../../store/traffic.js';

/** What may be looked at: so many of the last spans, with the one that is not over yet. */
export const PERIODS = {
  day: { span: 'hour', count: 24, label: 'the last 24 hours' },
  week: { span: 'day', count: 7, label: 'the last 7 days' },
  month: { span: 'day', count: 30, label: 'the last 30 days' },
  year: { span: 'month', count: 12, label: 'the last 12 months' },
} as const satisfies Record<string, { span: Span; count: number; label: string }>;

export type Period = keyof typeof PERIODS;

export function isPeriod(text: string): text is Period {
  return Object.hasOwn(PERIODS, text);
}

/** One span with what was served in it, in all and by zone and class of status. Times are milliseconds since the epoch. */
export interface FigurePoint extends TrafficNumbers {
  readonly start: number;
  readonly zones: Readonly<Record<string, TrafficNumbers>>;
  readonly statuses: Readonly<Record<string, TrafficNumbers>>;
}

export interface Figures {
  readonly period: Period;
  readonly span: Span;
  /** Name of the one part that is told of; null = all. */
  readonly part: string | null;
  /** Since when anything is known of the period; null when nothing was counted in it. */
  readonly since: number | null;
  readonly total: TrafficNumbers;
  /** In order of time, without a gap. */
  readonly points: readonly FigurePoint[];
  readonly by: Readonly<Record<TrafficColumn, readonly TrafficSum[]>>;
  /** The most frequent things of today, of all parts. */
  readonly top: Readonly<Record<TopKind, DayTop>>;
}

export interface FiguresWanted {
  readonly period: Period;
  /** Null = all parts. */
  readonly part: string | null;
  /** Milliseconds since the epoch; what was served up to then is told. */
  readonly now: number;
  /** Whether files of a mirror may be named. */
  readonly mayBeNamed: (mirror: string) => boolean;
}

/** What was served in a period. */
export function figuresOf({ traffic }: Pick<Store, 'traffic'>, wanted: FiguresWanted): Figures {
  const { period, part, now } = wanted;
  const { span, count } = PERIODS[period];
  const starts = spanStarts(span, now, count);
  const range: TrafficRange = { span, from: starts[0] ?? now, to: now + 1, part };
  const zones = byStart(traffic.points('zone', range));
  const statuses = byStart(traffic.points('status', range));
  const points = starts.map((start) => {
    const inZones = zones.get(start) ?? {};
    return { start, ...sumOf(Object.values(inZones)), zones: inZones, statuses: statuses.get(start) ?? {} };
  });
  const by = (column: TrafficColumn): TrafficSum[] => traffic.sums(column, range);
  const day = spanStart('day', now);
  const top = (kind: TopKind): DayTop => shownTop(traffic.top(day, kind), wanted);
  return {
    ...{ period, span, part, points },
    since: points.find(({ requests }) => requests > 0)?.start ?? null,
    total: sumOf(points),
    by: { part: by('part'), zone: by('zone'), family: by('family'), protocol: by('protocol'), status: by('status') },
    top: { files: top('files'), 'file-bytes': top('file-bytes'), agents: top('agents') },
  };
}

/** What was served of one part in the last 24 hours and in the last 30 days. */
export function partTraffic(
  { traffic }: Pick<Store, 'traffic'>,
  part: string,
  now: number,
): { readonly day: TrafficNumbers; readonly month: TrafficNumbers } {
  const of = (period: Period): TrafficNumbers => {
    const { span, count } = PERIODS[period];
    const [from = now] = spanStarts(span, now, count);
    return sumOf(traffic.sums('part', { span, from, to: now + 1, part }));
  };
  return { day: of('day'), month: of('month') };
}

/** Files are URL paths: their first segment is the mirror, whose name is the same there. */
function shownTop(top: DayTop, { mayBeNamed }: FiguresWanted): DayTop {
  if (top.kind === 'agents') return top;
  return { ...top, entries: top.entries.filter(([path]) => mayBeNamed(path.split('/', 2)[1] ?? '')) };
}

function byStart(rows: readonly TrafficPoint[]): Map<number, Record<string, TrafficNumbers>> {
  const found = new Map<number, Record<string, TrafficNumbers>>();
  for (const { start, value, requests, bytes } of rows)
    found.set(start, { ...found.get(start), [String(value)]: { requests, bytes } });
  return found;
}

function sumOf(all: readonly TrafficNumbers[]): TrafficNumbers {
  return {
    requests: all.reduce((sum, { requests }) => sum + requests, 0),
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
