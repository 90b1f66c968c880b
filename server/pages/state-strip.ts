import { formatDuration } from '../../core/units.js';
import { VERDICT_SIGNS, type VerdictSign, type VerdictWord } from '../../core/verdict-words.js';
import type { RecordedVerdict } from '../../store/verdicts.js';
import { timeView, type TimeView } from './time-view.js';

/** States through time as numbers of an SVG drawing, the same in words, and as rows of a table, newest first. */
export interface StateHistoryView {
  readonly width: number;
  readonly height: number;
  readonly bars: readonly {
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
    readonly tone: string;
    readonly title: string;
  }[];
  readonly from: TimeView;
  readonly text: string;
  readonly rows: readonly {
    readonly shape: string;
    readonly tone: string;
    readonly label: string;
    readonly since: TimeView;
    readonly lasted: string;
    readonly sentence: string;
  }[];
}

const WIDTH = 720;
const HEIGHT = 40;
/** What is short is seen all the same. */
const LEAST_WIDTH = 1;
const SHOWN_MS = 30 * 24 * 3600 * 1000;
const ROWS = 20;
const MOMENT_MS = 1000;

/** Higher is worse, so that colour is not the only sign. */
const HEIGHTS: Readonly<Record<VerdictSign['tone'], number>> = { good: 10, active: 16, calm: 16, warn: 26, bad: 40 };

interface Span {
  readonly word: VerdictWord;
  readonly from: number;
  readonly to: number;
  readonly sentence: string;
}

/** The last 30 days, or since the first state that is known. Null where none is. */
export function stateHistoryView(newestFirst: readonly RecordedVerdict[], now: number): StateHistoryView | null {
  const spans = newestFirst.map(({ word, at, sentence }, index): Span => {
    // one that began just now, or by a clock that was set back, has lasted a moment as well
    const from = Math.min(at, now - MOMENT_MS);
    return { word, from, to: Math.max(from, newestFirst[index - 1]?.at ?? now), sentence };
  });
  const oldest = spans.at(-1);
  if (!oldest) return null;
  const begin = Math.max(now - SHOWN_MS, oldest.from);
  const shown = spans.filter(({ to }) => to > begin).reverse();
  const scale = WIDTH / (now - begin);
  return {
    width: WIDTH,
    height: HEIGHT,
    bars: shown.map((span) => {
      const { tone } = VERDICT_SIGNS[span.word];
      const x = round((Math.max(span.from, begin) - begin) * scale);
      const width = Math.max(LEAST_WIDTH, round((Math.min(span.to, now) - begin) * scale) - x);
      return { x, y: HEIGHT - HEIGHTS[tone], width, height: HEIGHTS[tone], tone, title: spanWords(span) };
    }),
    from: timeView(begin, now),
    text: shares(shown, { begin, now }),
    rows: spans.slice(0, ROWS).map((span) => {
      const { shape, tone, label } = VERDICT_SIGNS[span.word];
      const lasted = formatDuration((span.to - span.from) / 1000);
      return { shape, tone, label, since: timeView(span.from, now), lasted, sentence: span.sentence };
    }),
  };
}

function spanWords({ word, from, to }: Span): string {
  return `${VERDICT_SIGNS[word].label} for ${formatDuration((to - from) / 1000)}`;
}

/** `In 30 d: current 92 %, late 8 % (2 times).` */
function shares(spans: readonly Span[], { begin, now }: { begin: number; now: number }): string {
  const sums = new Map<VerdictWord, { time: number; times: number }>();
  for (const { word, from, to } of spans) {
    const { time, times } = sums.get(word) ?? { time: 0, times: 0 };
    sums.set(word, { time: time + Math.min(to, now) - Math.max(from, begin), times: times + 1 });
  }
  const words = [...sums]
    .sort((a, b) => b[1].time - a[1].time)
    .map(([word, { time, times }]) => {
      const often = times > 1 ? ` (${times} times)` : '';
      return `${VERDICT_SIGNS[word].label} ${percent(time / (now - begin))}${often}`;
    });
  return `In ${formatDuration((now - begin) / 1000)}: ${words.join(', ')}.`;
}

function percent(share: number): string {
  if (share > 0 && share < 0.01) return 'under 1 %';
  return `${share < 1 ? Math.min(99, Math.round(share * 100)) : 100} %`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
