import type { Settings } from '../../config/settings.js';
import { PAGES_PART, REGISTRY_PART, type TopKind } from '../../core/traffic.js';
import { displayName, parseTreePath } from '../../core/tree-path.js';
import { countOf, formatBytes, formatCount } from '../../core/units.js';
import type { TrafficColumn } from '../../store/traffic.js';
import { PERIODS, type Figures, type Period } from '../statistics/figures.js';
import { columnChart, type ChartSeries } from './column-chart.js';
import type { PageFrame } from './page-frame.js';
import { MONTHS, timeOrNull } from './time-view.js';
import { renderView } from './view.js';

export interface StatsPage {
  readonly figures: Figures;
  /** The choice of a mirror as it stands in the query; empty = all. */
  readonly chosen: string;
  readonly settings: Settings;
}

/** One row of a table with bars. */
interface ShareRow {
  readonly label: string;
  readonly href: string | null;
  readonly requests: string;
  readonly bytes: string;
  /** Of all, as people read it; and the bar's length, 0 to 100. */
  readonly share: string;
  readonly bar: number;
}

/** Zones with colours of their own; what further ones there are is drawn together. */
const ZONE_FILLS = ['fill-first', 'fill-second', 'fill-third', 'fill-fourth'];
const STATUSES = [
  { value: '2', name: 'sent', fill: 'fill-good' },
  { value: '3', name: 'not modified or elsewhere', fill: 'fill-calm' },
  { value: '4', name: 'refused or not there', fill: 'fill-warn' },
  { value: '5', name: 'failed', fill: 'fill-bad' },
] as const;
const FAMILY_LABELS: Readonly<Record<string, string>> = { v4: 'IPv4', v6: 'IPv6', local: 'Unix socket' };
const PROTOCOL_LABELS: Readonly<Record<string, string>> = { http: 'HTTP', https: 'HTTPS', rsync: 'rsync' };
/** Rows that are open; the others can be unfolded. */
const OPEN_MIRRORS = 15;
const SHOWN_TOP = 20;

/** `/stats`. */
export function renderStats(frame: PageFrame, page: StatsPage): string {
  const { figures, chosen, settings } = page;
  const labels = figures.points.map(({ start }) => pointLabel(figures, start));
  const parts = shareRows(
    figures,
    'part',
    (value) => partLabel(settings, value),
    (value) => partHref(figures, settings, value),
  );
  const query = queryOf(figures.period, chosen);
  return renderView('stats', {
    ...frame,
    period: figures.period,
    periods: (Object.keys(PERIODS) as Period[]).map((value) => ({ value, label: PERIODS[value].label })),
    chosen,
    choices: choicesOf(frame, settings),
    summary: summaryOf(figures, settings),
    since: isShort(figures) ? timeOrNull(figures.since, frame.now) : null,
    isEmpty: figures.total.requests === 0,
    bytes: bytesChart(figures, labels),
    requests: requestsChart(figures, labels),
    mirrors: chosen === '' ? { open: parts.slice(0, OPEN_MIRRORS), more: parts.slice(OPEN_MIRRORS) } : null,
    splits: [
      { caption: 'Where clients are', column: 'Zone', rows: shareRows(figures, 'zone', String) },
      {
        caption: 'How they are reached',
        column: 'Address',
        rows: shareRows(figures, 'family', labelIn(FAMILY_LABELS)),
      },
      {
        caption: 'What they speak',
        column: 'Protocol',
        rows: shareRows(figures, 'protocol', labelIn(PROTOCOL_LABELS)),
      },
    ],
    top: chosen === '' ? topViews(figures) : [],
    twins: { json: `/stats.json${query}`, csv: `/stats.csv${query}` },
  });
}

/** One line a span and zone; times in UTC. */
export function statsCsv({ points }: Figures): string {
  const rows = points.flatMap(({ start, zones }) =>
    Object.entries(zones).map(
      ([zone, { requests, bytes }]) => `${new Date(start).toISOString()},${zone},${requests},${bytes}`,
    ),
  );
  return `${['begin,zone,requests,bytes', ...rows].join('\r\n')}\r\n`;
}

function summaryOf(figures: Figures, settings: Settings): string {
  const { total, by, part } = figures;
  const where = part === null ? '' : ` of ${partLabel(settings, part)}`;
  const { label } = PERIODS[figures.period];
  if (total.requests === 0) return `Nothing${where} was asked for in ${label}.`;
  const [first] = by.zone;
  const most = first && by.zone.length > 1 ? `; ${percent(first.bytes, total.bytes)} went to ${first.value}` : '';
  return `${formatBytes(total.bytes)}${where} for ${countOf(total.requests, 'request', 'requests')} in ${label}${most}.`;
}

/** Whether the period began before anything was counted. */
function isShort({ since, points }: Figures): boolean {
  return since !== null && since !== points[0]?.start;
}

function bytesChart(figures: Figures, labels: readonly string[]): object {
  const names = figures.by.zone.map(({ value }) => String(value));
  const [own, others] = [names.slice(0, ZONE_FILLS.length), names.slice(ZONE_FILLS.length)];
  const of = (zones: readonly string[]): number[] =>
    figures.points.map((point) => zones.reduce((sum, zone) => sum + (point.zones[zone]?.bytes ?? 0), 0));
  const series = own.map((name, index) => ({ name, fill: ZONE_FILLS[index] ?? '', values: of([name]) }));
  if (others.length > 0) series.push({ name: 'other zones', fill: 'fill-calm', values: of(others) });
  return chartView(labels, series, formatBytes);
}

function requestsChart(figures: Figures, labels: readonly string[]): object {
  const series = STATUSES.map(({ value, name, fill }) => ({
    ...{ name, fill },
    values: figures.points.map(({ statuses }) => statuses[value]?.requests ?? 0),
  }));
  return chartView(
    labels,
    series.filter(({ values }) => values.some((value) => value > 0)),
    formatCount,
  );
}

/** The drawing, what its colours mean, and the table of the same numbers, newest first. */
function chartView(
  labels: readonly string[],
  series: readonly ChartSeries[],
  format: (value: number) => string,
): object {
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
  return {
    chart: columnChart(labels, series, format),
    legend: series.map(({ name, fill, values }) => ({ name, fill, total: format(sum(values)) })),
    heads: series.map(({ name }) => name),
    rows: labels
      .map((label, index) => ({ label, cells: series.map(({ values }) => format(values[index] ?? 0)) }))
      .reverse(),
  };
}

function shareRows(
  { by, total }: Figures,
  column: TrafficColumn,
  label: (value: string) => string,
  href: (value: string) => string | null = () => null,
): ShareRow[] {
  return by[column].map(({ value, requests, bytes }) => ({
    label: label(String(value)),
    href: href(String(value)),
    requests: formatCount(requests),
    bytes: formatBytes(bytes),
    share: percent(bytes, total.bytes),
    bar: total.bytes > 0 ? Math.round((bytes / total.bytes) * 1000) / 10 : 0,
  }));
}

function topViews({ top }: Figures): object[] {
  const view = (kind: TopKind, caption: string, unit: string, format: (weight: number) => string): object => {
    const { entries, missing } = top[kind];
    const isFile = kind !== 'agents';
    return {
      ...{ caption, unit, column: isFile ? 'File' : 'Program' },
      rows: entries.slice(0, SHOWN_TOP).map(([item, weight]) => ({
        label: isFile ? pathName(item) : item,
        href: isFile ? item : null,
        weight: format(weight),
      })),
      missing: missing > 0 ? format(missing) : null,
    };
  };
  return [
    view('files', 'Files asked for most often', 'Downloads', formatCount),
    view('file-bytes', 'Files with the most bytes', 'Sent', formatBytes),
    view('agents', 'Programs that asked most often', 'Requests', formatCount),
  ];
}

function pathName(path: string): string {
  const parsed = parseTreePath(path);
  return 'path' in parsed ? parsed.path.segments.map(displayName).join('/') : path;
}

function choicesOf(frame: PageFrame, settings: Settings): { value: string; label: string }[] {
  const mirrors = [...settings.mirrors.values()].map(({ name, title }) => ({ value: name, label: title }));
  const images = frame.hasImages ? [{ value: IMAGES_CHOICE, label: 'Container images' }] : [];
  return [{ value: '', label: 'everything' }, ...mirrors, ...images];
}

/** How the registry is chosen; no mirror may have this name. */
export const IMAGES_CHOICE = 'images';

function partLabel(settings: Settings, part: string): string {
  if (part === REGISTRY_PART) return 'Container images';
  if (part === PAGES_PART) return 'Pages of this site';
  return settings.mirrors.get(part)?.title ?? part;
}

function partHref({ period }: Figures, settings: Settings, part: string): string | null {
  if (part === REGISTRY_PART) return `/stats${queryOf(period, IMAGES_CHOICE)}`;
  return settings.mirrors.has(part) ? `/stats${queryOf(period, part)}` : null;
}

function queryOf(period: Period, mirror: string): string {
  return `?${new URLSearchParams({ period, ...(mirror === '' ? {} : { mirror }) }).toString()}`;
}

function labelIn(labels: Readonly<Record<string, string>>): (value: string) => string {
  return (value) => labels[value] ?? value;
}

function pointLabel({ span }: Figures, start: number): string {
  const date = new Date(start);
  const month = MONTHS[date.getUTCMonth()] ?? '';
  if (span === 'hour') return `${String(date.getUTCHours()).padStart(2, '0')}:00`;
  return span === 'day' ? `${date.getUTCDate()} ${month}` : `${month} ${date.getUTCFullYear()}`;
}

function percent(part: number, all: number): string {
  if (all <= 0) return '0 %';
  const share = (part / all) * 100;
  return share > 0 && share < 0.1 ? '< 0.1 %' : `${share < 10 ? share.toFixed(1) : Math.round(share)} %`;
}
