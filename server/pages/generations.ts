import { formatBytes, formatCount } from '../../core/units.js';
import type { GenerationsData, ServedGeneration } from '../generations.js';
import type { MirrorStatus } from '../mirror-status.js';
import type { PageFrame } from './page-frame.js';
import { timeView, type TimeView } from './time-view.js';
import { renderView } from './view.js';

/** A generation as tables show it. */
export interface GenerationRow {
  readonly name: string;
  readonly href: string;
  readonly published: TimeView;
  readonly files: string;
  readonly size: string;
  readonly own: string;
  /** Where what it changed is told; null of the oldest. */
  readonly diff: string | null;
}

const REASONS = { rule: 'newer ones took its place', disk: 'the disk was nearly full', lost: 'gone from the disk' };

/** `/<mirror>/@/`: what of a mirror can be read beside the live tree. */
export function renderGenerations(frame: PageFrame, status: MirrorStatus, data: GenerationsData): string {
  return renderView('generations', {
    ...frame,
    name: status.name,
    mirrorTitle: status.title,
    status: status.statusPath,
    rows: generationRows(status, data, frame.now),
    extra: formatBytes(data.extraBytes),
    removed: removedRows(data, frame.now),
    twins: { json: `${status.statusPath}/generations.json` },
  });
}

export function generationRows(
  { statusPath }: MirrorStatus,
  { generations }: GenerationsData,
  now: number,
): GenerationRow[] {
  return generations.map((each, index) => {
    const before = generations[index + 1];
    return {
      name: each.name,
      href: each.path,
      published: timeView(each.publishedAt, now),
      files: each.files === null ? 'not known' : formatCount(each.files),
      size: each.bytes === null ? 'not known' : formatBytes(each.bytes),
      own: each.ownBytes === null ? '–' : formatBytes(each.ownBytes),
      diff: before ? diffHref(statusPath, before, each) : null,
    };
  });
}

export function diffHref(
  statusPath: string,
  from: Pick<ServedGeneration, 'name'>,
  to: Pick<ServedGeneration, 'name'>,
): string {
  return `${statusPath}/diff?from=${encodeURIComponent(from.name)}&to=${encodeURIComponent(to.name)}`;
}

export function removedRows({ removed }: GenerationsData, now: number): object[] {
  return removed.map(({ stamp, removedAt, because }) => ({
    stamp,
    time: timeView(removedAt, now),
    because: REASONS[because],
  }));
}
