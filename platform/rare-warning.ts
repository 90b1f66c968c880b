import type { Log } from './log.js';

/** Once in so long: what comes from outside must not fill the log. */
const EVERY_MS = 60_000;

/** Warns of what anybody can cause as often as he likes: one line a minute, which tells how many were left out. */
export class RareWarning {
  #saidAt = -Infinity;
  #leftOut = 0;

  constructor(
    private readonly log: Pick<Log, 'warn'>,
    /** Milliseconds. */
    private readonly clock: () => number = Date.now,
  ) {}

  say(fields: object, sentence: string): void {
    const now = this.clock();
    if (now - this.#saidAt < EVERY_MS) {
      this.#leftOut++;
      return;
    }
    this.log.warn({ ...fields, ...(this.#leftOut > 0 ? { leftOut: this.#leftOut } : {}) }, sentence);
    this.#saidAt = now;
    this.#leftOut = 0;
  }
}
