/** Slices of files up to so many bytes are read at once where they are in memory: that costs less than sendfile(2). */
export const MOST_AT_ONCE = 256 * 1024;

/** One that is free: mostly the kernel has taken the one answer before the next is made. */
let free: Buffer | undefined;

/** Memory of MOST_AT_ONCE bytes, for a short time. It need not be given back: then it is left to the collector. */
export function borrowBuffer(): Buffer {
  const buffer = free ?? Buffer.allocUnsafeSlow(MOST_AT_ONCE);
  free = undefined;
  return buffer;
}

/** Nobody reads from it or writes to it any more. */
export function giveBuffer(buffer: Buffer): void {
  free = buffer;
}
