/** Space of a file system at a moment: milliseconds since the epoch, bytes. */
export interface DiskSample {
  readonly at: number;
  readonly total: number;
  /** What this program may still write. */
  readonly free: number;
}

/** When the disk is full, milliseconds since the epoch; null where it would not be at that rate. */
export interface DiskForecast {
  /** One time in ten it is earlier. */
  readonly early: number | null;
  /** As likely earlier as later. */
  readonly likely: number | null;
  /** Nine times in ten it is earlier. */
  readonly late: number | null;
  /** Bytes by which a usual day fills it; negative where it empties. */
  readonly perDay: number;
}

const DAY_MS = 24 * 3600 * 1000;
const WINDOW_MS = 30 * DAY_MS;
const FEWEST_DAYS = 4;
/** Later than this is not told: no line of thirty days reaches so far. */
const FURTHEST_MS = 5 * 365 * DAY_MS;

/**
 * Forecasts from the last 30 days when only `reserve` bytes are left: lines through the middle of each two days, of
 * which the median is taken (Theil-Sen), so that a mirror that was added or a night of tidying up do not decide; the
 * tenth and the ninetieth percentile of the lines give the range. Samples are in order of time. Null while less than four
 * days are known since the disk was changed.
 */
export function forecastDisk(samples: readonly DiskSample[], reserve: number, now: number): DiskForecast | null {
  const last = samples.at(-1);
  if (!last) return null;
  const changed = samples.findLastIndex(({ total }) => Math.abs(total - last.total) > last.total / 1000);
  const days = middleOfDays(samples.slice(changed + 1).filter(({ at }) => at >= now - WINDOW_MS));
  if (days.length < FEWEST_DAYS) return null;
  const rates = ratesBetween(days);
  const full = (rate: number): number | null => {
    const left = Math.max(0, last.free - reserve);
    const wait = rate < 0 ? left / -rate : Infinity;
    return wait > FURTHEST_MS ? null : Math.round(now + wait);
  };
  const [early, likely, late] = [0.1, 0.5, 0.9].map((share) => quantile(rates, share));
  return {
    ...{ early: full(early ?? 0), likely: full(likely ?? 0), late: full(late ?? 0) },
    perDay: Math.round(-(likely ?? 0) * DAY_MS),
  };
}

/** One point a day (UTC): the median of what was free. */
function middleOfDays(samples: readonly DiskSample[]): { at: number; free: number }[] {
  const byDay = new Map<number, number[]>();
  for (const { at, free } of samples) {
    const day = Math.floor(at / DAY_MS);
    byDay.set(day, [...(byDay.get(day) ?? []), free]);
  }
  return [...byDay].map(([day, free]) => ({
    at: (day + 0.5) * DAY_MS,
    free: quantile(
      free.toSorted((a, b) => a - b),
      0.5,
    ),
  }));
}

/** Bytes a millisecond between each two points that are not close beside each other, lowest first. */
function ratesBetween(points: readonly { at: number; free: number }[]): number[] {
  const span = (points.at(-1)?.at ?? 0) - (points[0]?.at ?? 0);
  const rates: number[] = [];
  for (const [index, from] of points.entries())
    for (const to of points.slice(index + 1))
      if (to.at - from.at >= span / 4) rates.push((to.free - from.free) / (to.at - from.at));
  return rates.sort((a, b) => a - b);
}

/** Of sorted numbers, of which there is one at least. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.round((sorted.length - 1) * share)] ?? 0;
}
