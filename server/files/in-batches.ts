import { setImmediate } from 'node:timers/promises';

/** Elements that are handled between two breaks: some milliseconds of work. */
const BATCH = 1024;

/** Like Array.map, and lets other work run in between. */
export async function mapInBatches<T, R>(items: readonly T[], convert: (item: T) => R): Promise<R[]> {
  const converted: R[] = [];
  for (let start = 0; start < items.length; start += BATCH) {
    if (start > 0) await setImmediate();
    for (const item of items.slice(start, start + BATCH)) converted.push(convert(item));
  }
  return converted;
}

/**
 * A sorted copy, stable like Array.sort, that lets other work run in between: a merge sort whose runs are sorted
 * by the engine.
 */
export async function sortInBatches<T>(items: readonly T[], compare: (a: T, b: T) => number): Promise<T[]> {
  let runs: T[][] = [];
  for (let start = 0; start < items.length; start += BATCH) {
    if (start > 0) await setImmediate();
    runs.push(items.slice(start, start + BATCH).sort(compare));
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let index = 0; index < runs.length; index += 2)
      merged.push(await merge(runs[index] ?? [], runs[index + 1] ?? [], compare));
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge<T>(left: readonly T[], right: readonly T[], compare: (a: T, b: T) => number): Promise<T[]> {
  const merged: T[] = [];
  let [atLeft, atRight] = [0, 0];
  while (atLeft < left.length || atRight < right.length) {
    const [first, second] = [left[atLeft], right[atRight]];
    if (second === undefined || (first !== undefined && compare(first, second) <= 0)) {
      merged.push(first as T);
      atLeft++;
    } else {
      merged.push(second);
      atRight++;
    }
    if (merged.length % BATCH === 0) await setImmediate();
  }
  return merged;
}
