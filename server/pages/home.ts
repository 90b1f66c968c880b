import { formatBytes } from '../../core/units.js';
import { freshnessOf, summaryOf, type MirrorStatus } from '../mirror-status.js';
import { verdictView, type PageFrame } from './page-frame.js';
import { sentenceView } from './time-view.js';
import { renderView } from './view.js';

/** `/`: which mirrors there are, how fresh they are, and where to go. */
export function renderHome(frame: PageFrame, statuses: readonly MirrorStatus[], query: string): string {
  const shown = statuses.filter((status) => matchesQuery(status, query));
  return renderView('home', {
    ...frame,
    query,
    summary: summaryOf(statuses).text,
    total: statuses.length,
    mirrors: shown.map((status) => ({
      name: status.name,
      title: status.title,
      description: status.description,
      browse: status.published ? status.path : null,
      status: status.statusPath,
      help: status.helpPath,
      verdict: verdictView(status.verdict, frame.now),
      freshness: sentenceView(freshnessOf(status), frame.now),
      size: status.published ? formatBytes(status.published.bytes) : '–',
    })),
  });
}

/** Whether name, title or description contain `query`; an empty one matches all. */
export function matchesQuery(status: MirrorStatus, query: string): boolean {
  const text = `${status.name} ${status.title} ${status.description}`.toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
