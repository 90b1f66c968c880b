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
  const { entries, missing, unlisted } = list.top(most);
  const total = [...truth.values()].reduce((sum, weight) => sum + weight, 0);
  expect(missing).toBeLessThanOrEqual(total / SIZE);
  const told = new Map(entries);
  for (const [name, weight] of truth) {
    expect(told.get(name) ?? 0).toBeLessThanOrEqual(weight);
    const bound = told.has(name) ? (told.get(name) ?? 0) + missing : unlisted;
    expect(bound).toBeGreaterThanOrEqual(weight);
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

  it('tells how much what is cut off may weigh, so that a list goes on from what was kept of it', () => {
    fc.assert(
      fc.property(stream, stream, (first, second) => {
        const cut = listOf(first).top(3);
        expectWithinBounds(listOf(first), trueWeights(first), 3);
        const list = new TopList(SIZE);
        list.absorb(cut);
        for (const [name, weight] of second) list.add(name, weight);
        const truth = trueWeights(first, second);
        const { entries, missing, unlisted } = list.top(Infinity);
        const told = new Map(entries);
        for (const [name, weight] of truth)
          expect(told.has(name) ? (told.get(name) ?? 0) + missing : unlisted).toBeGreaterThanOrEqual(weight);
      }),
    );
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
