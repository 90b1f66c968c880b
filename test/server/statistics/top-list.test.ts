import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TopList } from '../../../server/statistics/top-list.js';

const SIZE = 8;
/** Few names are frequent, many are rare, so that lists are purged over and over. */
const item = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 400 })).map((n) => `file-${n}`);
const stream = fc.array(fc.tuple(item, fc.integer({ min: 1, max: 50 })), { maxLength: 600 });

function trueWeights(...streams: (readonly (readonly [string, number])[])[]): Map<string, number> {
  const weights = new Map<string, number>();
  for (const [name, weight] of streams.flat()) weights.set(name, (weights.get(name) ?? 0) + weight);
  return weights;
}

function listOf(items: readonly (readonly [string, number])[]): TopList {
  const list = new TopList(SIZE);
  for (const [name, weight] of items) list.add(name, weight);
  return list;
}

function expectWithinBounds(list: TopList, truth: Map<string, number>, most = Infinity): void {
  const { entries, missing } = list.top(most);
  const total = [...truth.values()].reduce((sum, weight) => sum + weight, 0);
  if (most === Infinity) expect(missing).toBeLessThanOrEqual(total / SIZE);
  const told = new Map(entries);
  for (const [name, weight] of truth) {
    expect(told.get(name) ?? 0).toBeLessThanOrEqual(weight);
    expect((told.get(name) ?? 0) + missing).toBeGreaterThanOrEqual(weight);
  }
  expect([...told.keys()].filter((name) => !truth.has(name))).toEqual([]);
}

describe('TopList', () => {
  it('tells never more than was counted, and misses at most what it says', () => {
    fc.assert(fc.property(stream, (items) => expectWithinBounds(listOf(items), trueWeights(items))));
  });

  it('keeps its bounds when lists of several processes are added up', () => {
    fc.assert(
      fc.property(stream, stream, (first, second) => {
        const list = listOf(first);
        list.absorb(listOf(second).top(Infinity));
        expectWithinBounds(list, trueWeights(first, second));
      }),
    );
  });

  it('says of what is cut off that it may be missing', () => {
    fc.assert(fc.property(stream, (items) => expectWithinBounds(listOf(items), trueWeights(items), 3)));
  });

  it('holds twice its size at most, however many names come', () => {
    const list = new TopList(SIZE);
    for (let n = 0; n < 10_000; n++) {
      list.add(`file-${n}`, 1);
      list.add('often', 1);
    }
    const { entries } = list.top(Infinity);
    expect(entries.length).toBeLessThanOrEqual(2 * SIZE);
    expect(entries[0]?.[0]).toBe('often');
  });
});
