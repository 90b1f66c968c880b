import { lagSeconds } from '../lag.js';
import type { MirrorStatus } from '../mirror-status.js';

/** A column by which mirrors are sorted; null = as they stand in the configuration. */
export interface StatusOrder {
  readonly column: StatusColumn | null;
  readonly descending: boolean;
}

export type StatusColumn = 'name' | 'state' | 'behind' | 'step' | 'try' | 'next' | 'size';

export const STATUS_COLUMNS: readonly { readonly column: StatusColumn; readonly label: string }[] = [
  { column: 'name', label: 'Mirror' },
  { column: 'state', label: 'State' },
  { column: 'behind', label: 'Behind by' },
  { column: 'step', label: 'Last in step' },
  { column: 'try', label: 'Last try' },
  { column: 'next', label: 'Next' },
  { column: 'size', label: 'Size' },
];

type Value = number | string | null | undefined;

const VALUES: Readonly<Record<StatusColumn, (status: MirrorStatus) => Value>> = {
  name: ({ title }) => title.toLowerCase(),
  state: ({ verdict }) => verdict.attention ?? Number.MAX_SAFE_INTEGER,
  behind: (status) => {
    const { published, upstreamMarker } = status;
    return published?.markerValue && published.markerValue === upstreamMarker?.value ? 0 : lagSeconds(status);
  },
  step: ({ published }) => published?.confirmedAt,
  try: ({ lastRun }) => lastRun && (lastRun.endedAt ?? lastRun.queuedAt),
  next: ({ verdict }) => verdict.nextAt,
  size: ({ published }) => published?.bytes,
};

/** Reads `?sort=size` and `?sort=-size`; unknown columns are none. */
export function readOrder(text: string): StatusOrder {
  const descending = text.startsWith('-');
  const name = descending ? text.slice(1) : text;
  const column = STATUS_COLUMNS.find((known) => known.column === name)?.column ?? null;
  return { column, descending: column !== null && descending };
}

/** As `readOrder` reads it. */
export function orderText({ column, descending }: StatusOrder): string {
  return column === null ? '' : `${descending ? '-' : ''}${column}`;
}

/** What has no value comes last in either direction; equal ones stay in the order of the configuration. */
export function inOrder(statuses: readonly MirrorStatus[], { column, descending }: StatusOrder): MirrorStatus[] {
  if (column === null) return [...statuses];
  const valueOf = VALUES[column];
  return [...statuses].sort((a, b) => compare(valueOf(a) ?? null, valueOf(b) ?? null, descending ? -1 : 1));
}

function compare(a: number | string | null, b: number | string | null, direction: 1 | -1): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? 1 : -1;
  return a < b ? -direction : direction;
}
