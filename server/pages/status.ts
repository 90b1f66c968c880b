import { formatBytes } from '../../core/units.js';
import { VERDICT_SIGNS, type VerdictWord } from '../../core/verdict-words.js';
import { summaryOf, type MirrorStatus } from '../mirror-status.js';
import { matchesQuery } from './home.js';
import { verdictView, type PageFrame } from './page-frame.js';
import { outcomeSign, runHref } from './run-view.js';
import { timeOrNull } from './time-view.js';
import { renderView } from './view.js';

export interface StatusFilter {
  /** A verdict word, `attention`, or empty for all. */
  readonly state: string;
  readonly query: string;
}

/** `/status`: what needs attention, worst first, then all mirrors. */
export function renderStatus(frame: PageFrame, statuses: readonly MirrorStatus[], filter: StatusFilter): string {
  const { states, text } = summaryOf(statuses);
  return renderView('status', {
    ...frame,
    filter,
    summary: text,
    total: statuses.length,
    choices: stateChoices(states),
    attention: needingAttention(statuses).map((status) => ({
      title: status.title,
      status: status.statusPath,
      verdict: verdictView(status.verdict, frame.now),
    })),
    mirrors: statuses.filter((status) => passesFilter(status, filter)).map((status) => statusRow(status, frame.now)),
  });
}

export function passesFilter(status: MirrorStatus, filter: StatusFilter): boolean {
  const { word, attention } = status.verdict;
  const inState = filter.state === '' || filter.state === word || (filter.state === 'attention' && attention !== null);
  return inState && matchesQuery(status, filter.query);
}

function needingAttention(statuses: readonly MirrorStatus[]): MirrorStatus[] {
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

function statusRow(status: MirrorStatus, now: number): object {
  const { lastRun, published } = status;
  return {
    name: status.name,
    title: status.title,
    status: status.statusPath,
    verdict: verdictView(status.verdict, now),
    lastGood: timeOrNull(published?.confirmedAt, now),
    lastTry: lastRun && {
      href: runHref(lastRun),
      ...outcomeSign(lastRun),
      time: timeOrNull(lastRun.endedAt ?? lastRun.startedAt ?? lastRun.queuedAt, now),
    },
    next: timeOrNull(status.verdict.nextAt, now),
    size: published ? formatBytes(published.bytes) : '–',
    upstream: status.upstreams[0] ?? '',
  };
}
