import type { Generation } from '../../core/generation.js';
import { formatBytes } from '../../core/units.js';
import { signedBytes } from '../growth.js';
import { timeView, type TimeView } from './time-view.js';

/** How a tree grew, as numbers of an SVG drawing, and the same in words. */
export interface SizeLine {
  readonly width: number;
  readonly height: number;
  /** Commands of an SVG path: a step at each publish, the last one up to now. */
  readonly path: string;
  readonly from: TimeView;
  readonly highest: string;
  readonly lowest: string;
  readonly text: string;
}

const WIDTH = 560;
const HEIGHT = 96;
const MARGIN = 6;

/** Null when fewer than two trees are known. `newestFirst` may hold one whose switch has not happened. */
export function sizeLine(newestFirst: readonly Generation[], now: number): SizeLine | null {
  const trees = newestFirst.filter(({ state }) => state !== 'publishing').reverse();
  const [first, last] = [trees[0], trees.at(-1)];
  if (!first || !last || first === last) return null;
  const sizes = trees.map(({ bytes }) => bytes);
  const [low, high] = [Math.min(...sizes), Math.max(...sizes)];
  const span = Math.max(1, now - first.publishedAt);
  const x = (at: number): number => round(((at - first.publishedAt) / span) * WIDTH);
  // one that never changed is a line in the middle
  const y = (bytes: number): number =>
    high === low ? HEIGHT / 2 : round(HEIGHT - MARGIN - ((bytes - low) / (high - low)) * (HEIGHT - 2 * MARGIN));
  const steps = trees.slice(1).map(({ publishedAt, bytes }) => `H${x(publishedAt)}V${y(bytes)}`);
  return {
    width: WIDTH,
    height: HEIGHT,
    path: `M0 ${y(first.bytes)}${steps.join('')}H${WIDTH}`,
    from: timeView(first.publishedAt, now),
    highest: formatBytes(high),
    lowest: formatBytes(low),
    text: sizeText(first.bytes, last.bytes, trees.length),
  };
}

function sizeText(first: number, last: number, trees: number): string {
  const share = first > 0 ? ` (${signedPercent((last - first) / first)})` : '';
  const change = last === first ? 'no change' : `${signedBytes(last - first)}${share}`;
  return `From ${formatBytes(first)} to ${formatBytes(last)}: ${change} over ${trees} published trees.`;
}

function signedPercent(share: number): string {
  const percent = Math.abs(share * 100);
  return `${share < 0 ? '−' : '+'}${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
