import { LRUCache } from 'lru-cache';
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { Denial } from './admission.js';

/** Milliseconds for which what a rule denies a client has one id, and one line in the log. */
const SAME_MS = 60_000;
const MOST_IDS = 10_000;
/** Lines in each such time at most. */
const MOST_LINES = 600;

/** Gives denials ids, and writes each once to the log: neither a client nor many can fill it. */
export class DenialIds {
  readonly #ids = new LRUCache<string, { readonly id: string; readonly at: number }>({ max: MOST_IDS });
  #lines = { at: -Infinity, count: 0 };

  constructor(
    private readonly log: Pick<Logger, 'warn'>,
    private readonly clock: () => number,
  ) {}

  idOf(denial: Denial): string {
    const now = this.clock();
    const key = `${denial.rule} ${denial.client.key}`;
    const known = this.#ids.get(key);
    if (known && now - known.at < SAME_MS) return known.id;
    const id = randomBytes(6).toString('hex');
    this.#ids.set(key, { id, at: now });
    this.#tell(denial, id, now);
    return id;
  }

  #tell({ rule, client, measured, limit }: Denial, id: string, now: number): void {
    if (now - this.#lines.at >= SAME_MS) this.#lines = { at: now, count: 0 };
    if (++this.#lines.count > MOST_LINES) return;
    this.log.warn({ id, rule, zone: client.zone, client: client.key, measured, limit }, 'requests are refused');
  }
}
