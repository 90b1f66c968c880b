import type { Run } from '../../core/run.js';
import { formatBytes, formatCount } from '../../core/units.js';
import type { MirrorStatus } from '../mirror-status.js';
import { verdictView, type PageFrame } from './page-frame.js';
import { runStrip } from './run-strip.js';
import { progressView, runHref, runRow } from './run-view.js';
import { timeOrNull } from './time-view.js';
import { renderView } from './view.js';

/** `/status/<mirror>`. `runs` are the newest, newest first; `address` is where the tree is served, null before it is. */
export function renderMirror(
  frame: PageFrame,
  status: MirrorStatus,
  more: { runs: readonly Run[]; address: string | null },
): string {
  const { now } = frame;
  const { running, published } = status;
  return renderView('mirror', {
    ...frame,
    name: status.name,
    mirrorTitle: status.title,
    description: status.description,
    browse: published ? status.path : null,
    address: more.address,
    verdict: verdictView(status.verdict, now),
    progress: running && { ...progressView(running, status.progress), href: runHref(running), id: running.id },
    paused: status.paused && { time: timeOrNull(status.paused.at, now), reason: status.paused.reason },
    published: published && {
      id: published.id,
      published: timeOrNull(published.publishedAt, now),
      confirmed: timeOrNull(published.confirmedAt, now),
      markerTime: timeOrNull(published.markerTime, now),
      files: formatCount(published.files),
      size: formatBytes(published.bytes),
    },
    marker: status.marker,
    upstreamMarker: timeOrNull(status.upstreamMarker?.time, now),
    upstreams: status.upstreams,
    schedule: status.schedule,
    next: timeOrNull(status.verdict.nextAt, now),
    inPlace: status.publish === 'in-place',
    runs: more.runs.map((run) => runRow(run, now)),
    strip: runStrip(more.runs, now),
  });
}
