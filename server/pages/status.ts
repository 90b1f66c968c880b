import { LRUCache } from 'lru-cache';
import { formatBytes } from '../../core/units.js';
import type { Sentence } from '../../core/sentence.js';
import { VERDICT_SIGNS, type VerdictWord } from '../../core/verdict-words.js';
import { growthWords } from '../growth.js';
import { lagWords } from '../lag.js';
import { summaryOf, type MirrorStatus } from '../mirror-status.js';
import { matchesQuery } from './home.js';
import type { PageFrame } from './page-frame.js';
import { outcomeSign, runHref } from './run-view.js';
import { inOrder, orderText, readOrder, STATUS_COLUMNS, type StatusOrder } from './status-order.js';
import { sentenceView, timeOrNull, timeView } from './time-view.js';
import { renderView } from './view.js';

/** What of the mirrors is shown, and in which order. */
export interface StatusFilter {
  /** A verdict word, `attention`, or empty for all. */
  readonly state: string;
  readonly query: string;
  readonly order: StatusOrder;
}

/** Rows that are kept: of so many mirrors, in both tables, a change of the time costs little. */
const MOST_ROWS = 4_000;

/** A mirror in a table, as the template shows it. */
interface Row {
  readonly name: string;
  readonly [part: string]: unknown;
}

const renderedRows = new LRUCache<string, { readonly model: string; readonly html: string }>({ max: MOST_ROWS });

/** `/status`: what needs attention, worst first, then all mirrors. */
export function renderStatus(
  frame: PageFrame,
  statuses: readonly MirrorStatus[],
  filter: StatusFilter,
  disk: Sentence | null,
): string {
  const { states, text } = summaryOf(statuses);
  return renderView('status', {
    ...frame,
    filter: { state: filter.state, query: filter.query, sort: orderText(filter.order) },
    refreshed: timeView(frame.now, frame.now),
    summary: text,
    disk: disk && sentenceView(disk, frame.now),
    total: statuses.length,
    choices: stateChoices(states),
    orders: orderChoices(),
    columns: columnViews(filter),
    twins: { json: `/status.json${queryOf(filter)}`, text: `/status.txt${queryOf(filter)}` },
    attention: needingAttention(statuses).map((status) => renderRow('attention-row', attentionRow(status, frame.now))),
    rows: chosen(statuses, filter).map((status) => renderRow('status-row', statusRow(status, frame.now))),
  });
}

/** The mirrors that pass the filter, in its order. */
export function chosen(statuses: readonly MirrorStatus[], filter: StatusFilter): MirrorStatus[] {
  return inOrder(
    statuses.filter((status) => passesFilter(status, filter)),
    filter.order,
  );
}

function passesFilter(status: MirrorStatus, filter: StatusFilter): boolean {
  const { word, attention } = status.verdict;
  const inState = filter.state === '' || filter.state === word || (filter.state === 'attention' && attention !== null);
  return inState && matchesQuery(status, filter.query);
}

export function needingAttention(statuses: readonly MirrorStatus[]): MirrorStatus[] {
  const rank = (status: MirrorStatus) => status.verdict.attention ?? Number.MAX_SAFE_INTEGER;
  return statuses.filter((status) => status.verdict.attention !== null).sort((a, b) => rank(a) - rank(b));
}

function stateChoices(states: Partial<Record<VerdictWord, number>>): { value: string; label: string }[] {
  const words = (Object.keys(VERDICT_SIGNS) as VerdictWord[]).filter((word) => states[word]);
  return [
    { value: '', label: 'all states' },
    { value: 'attention', label: 'needs attention' },
    ...words.map((word) => ({ value: word, label: `${VERDICT_SIGNS[word].label} (${states[word] ?? 0})` })),
  ];
}

/** The same as the links in the heads of columns, for screens that have no room for those. */
function orderChoices(): { value: string; label: string }[] {
  return [
    { value: '', label: 'as configured' },
    { value: 'name', label: 'name' },
    { value: 'state', label: 'worst first' },
    { value: '-behind', label: 'furthest behind' },
    { value: 'step', label: 'longest not in step' },
    { value: '-try', label: 'tried last' },
    { value: 'next', label: 'next to come' },
    { value: '-size', label: 'largest' },
  ];
}

function columnViews(filter: StatusFilter): object[] {
  const { order } = filter;
  return STATUS_COLUMNS.map(({ column, label }) => {
    const isSorted = order.column === column;
    const descending = isSorted && !order.descending;
    return {
      label,
      numeric: column === 'size',
      href: `/status${queryOf({ ...filter, order: { column, descending } })}`,
      sorted: isSorted ? (order.descending ? 'descending' : 'ascending') : 'none',
      arrow: isSorted ? (order.descending ? '↓' : '↑') : '',
    };
  });
}

/** The filter as the query of an address, with its question mark; empty for all mirrors as they are configured. */
function queryOf({ state, query, order }: StatusFilter): string {
  const given = Object.entries({ q: query, state, sort: orderText(order) }).filter(([, value]) => value !== '');
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

export function readFilter(text: (name: string) => string): StatusFilter {
  return { state: text('state'), query: text('q'), order: readOrder(text('sort')) };
}

/** A row that tells the same as when it was rendered last is not rendered again. */
function renderRow(partial: 'attention-row' | 'status-row', row: Row): string {
  const key = `${partial} ${row.name}`;
  const model = JSON.stringify(row);
  const known = renderedRows.get(key);
  if (known?.model === model) return known.html;
  const html = renderView(`partials/${partial}`, row);
  renderedRows.set(key, { model, html });
  return html;
}

function attentionRow({ name, title, statusPath, verdict }: MirrorStatus, now: number): Row {
  const { label, shape, tone, parts, next } = verdict;
  const said = { sentence: sentenceView(parts, now), next: sentenceView(next.parts, now) };
  return { name, title, status: statusPath, verdict: { label, shape, tone, ...said } };
}

function statusRow(status: MirrorStatus, now: number): Row {
  const { lastRun, published, growth } = status;
  const { label, shape, tone } = status.verdict;
  return {
    name: status.name,
    title: status.title,
    status: status.statusPath,
    verdict: { label, shape, tone },
    behind: lagWords(status),
    lastGood: timeOrNull(published?.confirmedAt, now),
    lastTry: lastRun && {
      href: runHref(lastRun),
      ...outcomeSign(lastRun),
      time: timeOrNull(lastRun.endedAt ?? lastRun.startedAt ?? lastRun.queuedAt, now),
    },
    next: timeOrNull(status.verdict.nextAt, now),
    size: published ? formatBytes(published.bytes) : '–',
    growth: growth ? growthWords(growth, now) : '',
    upstream: status.upstreams[0] ?? '',
  };
}
