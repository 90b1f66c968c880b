/** Slices of files up to so many bytes are read at once where they are in memory: that costs less than sendfile(2). */
export const MOST_AT_ONCE = 256 * 1024;

/** Buffers that are free, so many at most: they are needed at the same time only where clients do not take all at once. */
const free: Buffer[] = [];
const MOST_FREE = 16;

/** Memory of MOST_AT_ONCE bytes, for a short time. It need not be given back: then it is left to the collector. */
export function borrowBuffer(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(MOST_AT_ONCE);
}

/** Nobody reads from it or writes to it any more. */
export function giveBuffer(buffer: Buffer): void {
  if (free.length < MOST_FREE) free.push(buffer);
}
