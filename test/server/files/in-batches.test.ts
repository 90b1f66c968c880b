import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mapInBatches, sortInBatches } from '../../../server/files/in-batches.js';

test('sortInBatches gives what a stable sort gives, over many batches', async () => {
  const lengths = fc.constantFrom(0, 1, 4095, 4096, 4097, 12_289, 30_000);
  await fc.assert(
    fc.asyncProperty(lengths, fc.nat(), async (length, seed) => {
      const items = Array.from({ length }, (_, index) => ({ key: (index * 7919 + seed) % 1000, index }));
      const compare = (a: { key: number }, b: { key: number }): number => a.key - b.key;
      expect(await sortInBatches(items, compare)).toEqual([...items].sort(compare));
    }),
    { numRuns: 20 },
  );
});

test.each([0, 1, 1023, 1024, 1025, 5000])('mapInBatches converts %i elements in order', async (length) => {
  const items = Array.from({ length }, (_, index) => index);
  expect(await mapInBatches(items, (item) => item * 2)).toEqual(items.map((item) => item * 2));
});

/** How often other work got its turn while `work` ran. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  const tick = (): void => {
    turns++;
    immediate = setImmediate(tick);
  };
  let immediate = setImmediate(tick);
  await work();
  clearImmediate(immediate);
  return turns;
}

test('sortInBatches and mapInBatches let other work run in between', async () => {
  const items = Array.from({ length: 50_000 }, (_, index) => (index * 7919) % 50_021);
  expect(await turnsDuring(() => sortInBatches(items, (a, b) => a - b))).toBeGreaterThan(20);
  expect(await turnsDuring(() => mapInBatches(items, (item) => -item))).toBeGreaterThan(20);
});
