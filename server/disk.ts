import type { Settings } from '../config/settings.js';
import { forecastDisk, type DiskForecast, type DiskSample } from '../core/disk-forecast.js';
import { moment, say, type Sentence } from '../core/sentence.js';
import { formatBytes } from '../core/units.js';
import { reserveBytes } from '../platform/disk-space.js';
import type { Store } from '../store/open.js';
import type { Growth } from './growth.js';
import type { MirrorStatus, StatusDeps } from './mirror-status.js';
import type { StatusBoard } from './status-board.js';

/** What of the disk a mirror takes; bytes. */
export interface DiskPart {
  readonly name: string;
  readonly title: string;
  /** Of the published tree; both slots share what has not changed. */
  readonly bytes: number;
  /** Of files that only its kept generations have. */
  readonly keptBytes: number;
  readonly growth: Growth | null;
}

/** The file system of the data folder, as it was last looked at. Times are milliseconds since the epoch; bytes. */
export interface DiskData {
  readonly at: number;
  readonly total: number;
  readonly free: number;
  /** What no run may use. */
  readonly reserve: number;
  /** Trees, the largest first; what images take is in all. */
  readonly mirrors: readonly DiskPart[];
  readonly images: number;
  /** Null while too few days are known. */
  readonly forecast: DiskForecast | null;
}

const DAY_MS = 24 * 3600 * 1000;
const WINDOW_DAYS = 30;
/** So long before the disk is likely to be full, people are told. */
const ALERT_DAYS = 14;

/** Null before the disk was first looked at. Of trees it tells what the board does. `add` bytes are taken as used already: what if. */
export function diskData(deps: StatusDeps & { board: StatusBoard }, now: number, add = 0): DiskData | null {
  const { store } = deps;
  const found = recentForecast(store, deps.settings(), now, add);
  return (
    found && {
      ...found.last,
      reserve: found.reserve,
      mirrors: deps.board
        .all()
        .map((status) => diskPart(store, status))
        .sort((a, b) => b.bytes + b.keptBytes - a.bytes - a.keptBytes),
      images: store.blobs.total().bytes,
      forecast: found.forecast,
    }
  );
}

/** Samples of the last 30 days, in order of time. */
export function recentSamples(store: Store, now: number): DiskSample[] {
  return store.diskSamples.since(now - WINDOW_DAYS * DAY_MS);
}

/** What has to be said about the disk where others look; null when it is not so near to be full. */
export function diskAlert({ store, settings }: Pick<StatusDeps, 'store' | 'settings'>, now: number): Sentence | null {
  const found = recentForecast(store, settings(), now, 0);
  if (!found) return null;
  const { last, reserve, forecast } = found;
  if (last.free < reserve)
    return say`The disk has ${formatBytes(last.free)} left, under the reserve of ${formatBytes(reserve)}: nothing new is fetched.`;
  const full = forecast?.likely ?? null;
  if (full === null || full > now + ALERT_DAYS * DAY_MS) return null;
  return say`At the rate of the last weeks the disk is full ${moment(full)}; it has ${formatBytes(last.free)} left.`;
}

/** The last sample of the disk, and what follows from those before; null when there is none. */
export function recentForecast(
  store: Store,
  { sync }: Pick<Settings, 'sync'>,
  now: number,
  add: number,
): { last: DiskSample; reserve: number; forecast: DiskForecast | null } | null {
  const samples = recentSamples(store, now).map((each) => ({ ...each, free: Math.max(0, each.free - add) }));
  const last = samples.at(-1);
  if (!last) return null;
  const reserve = reserveBytes(sync.reserve, last);
  return { last, reserve, forecast: forecastDisk(samples, reserve, now) };
}

function diskPart(store: Store, { name, title, published, growth }: MirrorStatus): DiskPart {
  const keptBytes = store.kept.extraBytes(name).total;
  return { name, title, bytes: published?.bytes ?? 0, keptBytes, growth };
}
