/** Columns of stacked parts as numbers of an SVG drawing, whose words stand around it in HTML. */
export interface ColumnChart {
  readonly width: number;
  readonly height: number;
  readonly columns: readonly {
    /** What the column tells, in words. */
    readonly title: string;
    readonly parts: readonly {
      readonly fill: string;
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
    }[];
  }[];
  /** Of the upper edge and of the middle. */
  readonly highest: string;
  readonly middle: string;
  /** Labels of the first, the middle and the last column. */
  readonly ends: readonly string[];
}

export interface ChartSeries {
  readonly name: string;
  /** CSS class of its colour. */
  readonly fill: string;
  /** One for each column, none negative. */
  readonly values: readonly number[];
}

const WIDTH = 720;
const HEIGHT = 180;
/** Of the room that a column has, so much is left free. */
const GAP_SHARE = 0.18;
/** What is not zero is seen. */
const LEAST_HEIGHT = 1;

/** `labels` name the columns; the first series is at the bottom. `format` is of the unit of all values. */
export function columnChart(
  labels: readonly string[],
  series: readonly ChartSeries[],
  format: (value: number) => string,
): ColumnChart {
  const totals = labels.map((_, index) => series.reduce((sum, { values }) => sum + (values[index] ?? 0), 0));
  const top = roundUp(Math.max(...totals, 0));
  const room = WIDTH / Math.max(1, labels.length);
  const columns = labels.map((label, index) => {
    let below = 0;
    const shown = series.filter(({ values }) => (values[index] ?? 0) > 0);
    const parts = shown.map(({ fill, values }) => {
      const height = Math.max(LEAST_HEIGHT, ((values[index] ?? 0) / top) * HEIGHT);
      below += height;
      const x = (index + GAP_SHARE / 2) * room;
      return {
        fill,
        x: tenth(x),
        y: tenth(HEIGHT - below),
        width: tenth(room * (1 - GAP_SHARE)),
        height: tenth(height),
      };
    });
    const words = shown.map(({ name, values }) => `${name} ${format(values[index] ?? 0)}`);
    const split = words.length > 1 ? ` (${words.join(', ')})` : '';
    return { title: `${label}: ${format(totals[index] ?? 0)}${split}`, parts };
  });
  const ends = [labels[0], labels[Math.floor((labels.length - 1) / 2)], labels.at(-1)];
  return {
    ...{ width: WIDTH, height: HEIGHT, columns },
    highest: format(top),
    middle: format(top / 2),
    ends: ends.map((label) => label ?? ''),
  };
}

/** The next of 1, 2, 4, 6 or 8 times a power of ten, so that the half of it is a plain number too. */
function roundUp(value: number): number {
  if (value <= 1) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
