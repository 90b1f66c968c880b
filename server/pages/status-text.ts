import type { Run } from '../../core/run.js';
import { utcMinute } from '../../core/sentence.js';
import { formatBytes, formatFiles } from '../../core/units.js';
import { growthWords } from '../growth.js';
import { lagWords } from '../lag.js';
import { summaryOf, type MirrorStatus } from '../mirror-status.js';
import { outcomeSign } from './run-view.js';
import { needingAttention } from './status.js';

const SHOWN_RUNS = 10;

/** `/status.txt`: a line a mirror, then a sentence for each that needs attention. `shown` are those to list. */
export function statusText(
  page: { site: string; now: number },
  statuses: readonly MirrorStatus[],
  shown: readonly MirrorStatus[],
): string {
  const rows = shown.map((status) => [
    `${status.verdict.shape} ${status.name}`,
    status.verdict.label,
    lagWords(status),
    timeText(status.published?.confirmedAt),
    timeText(status.verdict.nextAt),
    status.published ? formatBytes(status.published.bytes) : '-',
  ]);
  const head = ['MIRROR', 'STATE', 'BEHIND BY', 'IN STEP', 'NEXT', 'SIZE'];
  const attention = needingAttention(shown).map(
    ({ name, verdict }) => `${verdict.shape} ${name}: ${verdict.sentence} ${verdict.next.text}`,
  );
  return paragraphs([
    [`${page.site}: ${summaryOf(statuses).text}`, `Last refreshed ${utcMinute(page.now)}`],
    rows.length > 0 ? inColumns([head, ...rows]) : [],
    attention,
  ]);
}

/** `/status/<mirror>.txt`. `runs` are the newest, newest first. */
export function mirrorText(status: MirrorStatus, runs: readonly Run[], now: number): string {
  const { verdict, published, growth } = status;
  const size = published ? `${formatFiles(published.files)}, ${formatBytes(published.bytes)}` : 'nothing yet';
  const facts = [
    ['Published', published ? `${utcMinute(published.publishedAt)}, generation ${published.id}` : 'not yet'],
    ['Size', growth ? `${size} (${growthWords(growth, now)})` : size],
    ['In step', timeText(published?.confirmedAt)],
    ['Behind by', lagWords(status)],
    ['Upstream', status.upstreams.join(', then ')],
    ['Fetched', status.schedule],
    ['Next', timeText(verdict.nextAt)],
  ];
  const rows = runs.slice(0, SHOWN_RUNS).map((run) => {
    const sign = outcomeSign(run);
    return [`${sign.shape} run ${run.id}`, sign.label, utcMinute(run.startedAt ?? run.queuedAt), run.message ?? ''];
  });
  return paragraphs([
    [`${verdict.shape} ${status.name}: ${verdict.label}`, verdict.sentence, verdict.next.text],
    inColumns(facts),
    inColumns(rows),
  ]);
}

function timeText(at: number | null | undefined): string {
  return at === null || at === undefined ? '-' : utcMinute(at);
}

function paragraphs(parts: readonly (readonly string[])[]): string {
  const filled = parts.filter((lines) => lines.length > 0);
  return `${filled.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** Cells of a column begin below each other. */
function inColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
