import type { DiskForecast, DiskSample } from '../../core/disk-forecast.js';
import { formatBytes } from '../../core/units.js';
import type { DiskData } from '../disk.js';
import { growthWords, signedBytes } from '../growth.js';
import type { PageFrame } from './page-frame.js';
import { timeOrNull, timeView } from './time-view.js';
import { renderView } from './view.js';

const WIDTH = 560;
const HEIGHT = 96;
/** Mirrors in the open table; the others can be unfolded. */
const OPEN_MIRRORS = 30;

/** `/status/disk`: how full the disk is, of what, and when it will be full. `add` is as it was asked for. */
export function renderDisk(
  frame: PageFrame,
  data: DiskData | null,
  { samples, add }: { samples: readonly DiskSample[]; add: string },
): string {
  const { now } = frame;
  const rows = data ? data.mirrors.map((each) => mirrorRow(each, data.total, now)) : [];
  return renderView('disk', {
    ...frame,
    add,
    disk: data && {
      at: timeView(data.at, now),
      used: `${formatBytes(data.total - data.free)} of ${formatBytes(data.total)} (${percent(1 - data.free / data.total)})`,
      free: formatBytes(data.free),
      reserve: formatBytes(data.reserve),
      usedPercent: Math.round((1 - data.free / data.total) * 100),
      images: data.images > 0 ? formatBytes(data.images) : null,
      forecast: data.forecast && forecastView(data.forecast, now),
      line: usedLine(samples),
    },
    mirrors: rows.slice(0, OPEN_MIRRORS),
    moreMirrors: rows.slice(OPEN_MIRRORS),
    twins: { json: `/status/disk.json${add ? `?add=${encodeURIComponent(add)}` : ''}` },
  });
}

function forecastView({ early, likely, late, perDay }: DiskForecast, now: number): object {
  return {
    early: timeOrNull(early, now),
    likely: timeOrNull(likely, now),
    late: timeOrNull(late, now),
    perDay: `${signedBytes(perDay)} a day`,
  };
}

function mirrorRow(
  { name, title, bytes, keptBytes, growth }: DiskData['mirrors'][number],
  total: number,
  now: number,
): object {
  return {
    title,
    href: `/status/${name}`,
    size: formatBytes(bytes),
    kept: keptBytes > 0 ? formatBytes(keptBytes) : '–',
    share: percent((bytes + keptBytes) / total),
    growth: growth ? growthWords(growth, now) : '–',
  };
}

/** What was used, as commands of an SVG path over the time of the samples; null where there are too few. */
function usedLine(samples: readonly DiskSample[]): object | null {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.at === first.at) return null;
  const x = (at: number): number => round(((at - first.at) / (last.at - first.at)) * WIDTH);
  const y = ({ free, total }: DiskSample): number => round((free / total) * HEIGHT);
  const points = samples.map((sample, index) => `${index === 0 ? 'M' : 'L'}${x(sample.at)} ${y(sample)}`);
  return {
    ...{ width: WIDTH, height: HEIGHT, path: points.join('') },
    from: timeView(first.at, last.at),
    text: `Used at first ${percent(1 - first.free / first.total)}, now ${percent(1 - last.free / last.total)} of the disk.`,
  };
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
