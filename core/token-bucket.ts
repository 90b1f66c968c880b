/** Seconds whose worth may leave at once after a pause; what else bounds it is a share of five seconds (3 %). */
const BURST_SECONDS = 0.15;
/** No piece is smaller, unless the rate is so low that it would be more than a twentieth of a second's worth. */
const LEAST_PIECE = 16 * 1024;

/**
 * Lets bytes pass at a rate that may change at any time. Time is given, in milliseconds of a clock that never goes back;
 * rates are bytes a second, `null` lets everything pass.
 */
export class TokenBucket {
  #tokens = Infinity;
  #at = 0;

  /** Bytes that may pass at `now`. */
  available(rate: number | null, now: number): number {
    const grown = rate === null ? Infinity : this.#tokens + (rate * Math.max(0, now - this.#at)) / 1000;
    this.#tokens = rate === null ? Infinity : Math.min(grown, Math.max(1, rate * BURST_SECONDS));
    this.#at = now;
    return Math.floor(this.#tokens);
  }

  /** Of those that are available. */
  take(bytes: number): void {
    this.#tokens -= bytes;
  }

  giveBack(bytes: number): void {
    this.#tokens += bytes;
  }
}

/** The smallest piece that is worth a write at a rate. */
export function leastPiece(rate: number | null): number {
  return rate === null ? LEAST_PIECE : Math.max(1, Math.min(LEAST_PIECE, Math.floor(rate / 20)));
}
