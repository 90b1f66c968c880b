import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnChart } from '../../../server/pages/column-chart.js';

describe('columnChart', () => {
  it('stacks what is not zero, and says each column in words', () => {
    const chart = columnChart(
      ['00:00', '01:00', '02:00'],
      [
        { name: 'campus', fill: 'a', values: [30, 0, 1] },
        { name: 'public', fill: 'b', values: [10, 0, 0] },
      ],
      String,
    );
    expect(chart.columns.map(({ title }) => title)).toEqual([
      '00:00: 40 (campus 30, public 10)',
      '01:00: 0',
      '02:00: 1',
    ]);
    expect(chart.columns[0]?.parts.map(({ y, height }) => [y, height])).toEqual([
      [45, 135],
      [0, 45],
    ]);
    expect(chart).toMatchObject({ highest: '40', middle: '20', ends: ['00:00', '01:00', '02:00'] });
  });

  it('draws within its frame, whatever the values', () => {
    const values = fc.array(fc.double({ min: 0, max: 1e17, noNaN: true }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(values, values, (first, second) => {
        const series = [first, second].map((each, n) => ({ name: `${n}`, fill: '', values: each }));
        const { width, height, columns } = columnChart(['a', 'b', 'c'], series, String);
        for (const part of columns.flatMap(({ parts }) => parts)) {
          expect(part.x >= 0 && part.x + part.width <= width).toBe(true);
          expect(part.y).toBeGreaterThanOrEqual(-2); // what is not zero is seen: a line more
          expect(part.y + part.height).toBeLessThanOrEqual(height + 0.1);
        }
      }),
    );
  });
});
