/** How one process has used the rate of a zone lately. */
export interface RateUse {
  /** Clients that download from it. */
  readonly clients: number;
  /** Bytes a second that left. */
  readonly used: number;
  /** Whether more would have left without the limit. */
  readonly waited: boolean;
}

/** What an idle process may begin with until the next shares are made, as a part of the rate: each, and all together. */
const BEGIN = 0.05;
const BEGIN_ALL = 0.2;
/** Who does not wait is given so much more than it has used: its clients may become faster. */
const ROOM = 1.25;

/**
 * Shares the rate of a zone, bytes a second, among processes: who does not need its part leaves the rest to those who wait,
 * which share it by the number of their clients. The parts of those that serve add up to `rate`; idle ones have a little
 * beside that to begin with.
 */
export function shareRate(rate: number, uses: readonly RateUse[]): number[] {
  const idle = uses.filter(isIdle).length;
  const begin = rate * Math.min(BEGIN, BEGIN_ALL / idle);
  const shares = uses.map((use) => (isIdle(use) ? begin : 0));
  let open = uses.map((_, index) => index).filter((index) => !isIdle(uses[index]));
  let left = rate;
  for (;;) {
    const fair = left / sum(open.map((index) => weightOf(uses[index])));
    const content = open.filter((index) => needOf(uses[index], rate) < fair * weightOf(uses[index]));
    if (content.length === 0) {
      for (const index of open) shares[index] = fair * weightOf(uses[index]);
      return shares;
    }
    for (const index of content) shares[index] = needOf(uses[index], rate);
    left -= sum(content.map((index) => shares[index] ?? 0));
    open = open.filter((index) => !content.includes(index));
    if (open.length === 0) return spread(shares, content, left);
  }
}

/** Nobody waits for what is left: all that serve get some of it. */
function spread(shares: readonly number[], among: readonly number[], left: number): number[] {
  return shares.map((share, index) => (among.includes(index) ? share + left / among.length : share));
}

function isIdle(use: RateUse | undefined): boolean {
  return use === undefined || (use.clients === 0 && !use.waited);
}

function weightOf(use: RateUse | undefined): number {
  return Math.max(1, use?.clients ?? 0);
}

function needOf(use: RateUse | undefined, rate: number): number {
  if (!use || use.waited) return Infinity;
  return use.used * ROOM + rate * BEGIN;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
