import { Undecompressable } from './decompress.js';
import type { Reference } from './reference-record.js';
import { IndexFault } from './index-fault.js';

/** What an index names; where it cannot be read, and no other index tells its hash, it may be right when it is fetched again. */
export async function* orFetchAgain(
  path: string,
  batches: AsyncIterable<readonly Reference[]>,
): AsyncGenerator<readonly Reference[]> {
  try {
    yield* batches;
  } catch (error) {
    if (error instanceof IndexFault) throw new IndexFault(error.problem, [path]);
    if (error instanceof Undecompressable) throw new IndexFault(error.message, [path]);
    throw error;
  }
}
