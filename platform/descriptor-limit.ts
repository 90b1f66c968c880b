import { readFileSync } from 'node:fs';

/** What POSIX promises at least, and more than enough for one that does not tell. */
const UNKNOWN = 256;

/** How many files this process may have open at a time, sockets counted (getrlimit(2), RLIMIT_NOFILE). */
export function descriptorLimit(): number {
  try {
    const limit = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === 'unlimited' ? Infinity : Number(limit ?? UNKNOWN);
  } catch {
    return UNKNOWN;
  }
}
