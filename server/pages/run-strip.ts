import type { Run } from '../../core/run.js';
import { utcMinute } from '../../core/sentence.js';
import { formatDuration } from '../../core/units.js';
import { outcomeSign, runSeconds } from './run-view.js';

/** Bars of the newest runs, oldest on the left, as numbers of an SVG drawing, and the same in words. */
export interface RunStrip {
  readonly width: number;
  readonly height: number;
  readonly text: string;
  readonly bars: readonly {
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
    readonly tone: string;
    /** Marked with a cross as well, so that colour is not the only sign. */
    readonly crossed: boolean;
    readonly title: string;
  }[];
}

const STEP = 14;
const BAR = 10;
const HEIGHT = 64;
/** Room for the cross above the highest bar. */
const HEAD = 14;
const LOWEST = 6;

/** Heights are logarithmic in what a run lasted: a second and a day both stay readable. Null when there are no runs. */
export function runStrip(newestFirst: readonly Run[], now: number): RunStrip | null {
  const runs = [...newestFirst].reverse();
  if (runs.length === 0) return null;
  const scale = runs.map((run) => Math.log10(1 + runSeconds(run, now)));
  const highest = Math.max(...scale, 0.1);
  const bars = runs.map((run, index) => {
    const height = Math.round(LOWEST + ((scale[index] ?? 0) / highest) * (HEIGHT - HEAD - LOWEST));
    const { label, tone } = outcomeSign(run);
    const title = `Run ${run.id}: ${label}, ${utcMinute(run.queuedAt)}, ${formatDuration(runSeconds(run, now))}`;
    return { x: index * STEP + 2, y: HEIGHT - height, width: BAR, height, tone, crossed: tone === 'bad', title };
  });
  return { width: runs.length * STEP, height: HEIGHT, text: stripText(newestFirst), bars };
}

function stripText(newestFirst: readonly Run[]): string {
  const counts = new Map<string, number>();
  for (const run of newestFirst) {
    const { label } = outcomeSign(run);
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const parts = [...counts].sort((a, b) => b[1] - a[1]).map(([label, count]) => `${count} ${label}`);
  const what = newestFirst.length === 1 ? 'The only run' : `The last ${newestFirst.length} runs`;
  const newest = newestFirst[0] ? `; the newest ${outcomeSign(newestFirst[0]).label}` : '';
  return `${what}: ${parts.join(', ')}${newest}.`;
}
