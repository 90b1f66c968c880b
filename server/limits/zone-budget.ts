import type { ServerResponse } from 'node:http';
import { leastPiece, TokenBucket } from '../../core/token-bucket.js';
import { isGone, onceGone } from '../client-gone.js';
import type { Pace } from '../pace.js';

/** Bytes a second; null is no limit. */
export interface Rates {
  readonly zone: number | null;
  /** Of each client. */
  readonly client: number | null;
}

/** Milliseconds of a turn: within one, no client takes more than its share. */
const TURN_MS = 10;
/** Milliseconds that a client counts as one that downloads. */
const ACTIVE_MS = 1000;

/** A body that waits. */
interface Waiting {
  readonly wanted: number;
  readonly go: (bytes: number) => void;
}

/**
 * Shares the rate of a zone equally among its clients, however many connections each has, and what one leaves among the
 * others. `rates()` is asked each turn: what it says may change while bodies are on their way, and while they wait.
 * `clock` is in milliseconds and never goes back.
 */
export class ZoneBudget {
  readonly #bucket = new TokenBucket();
  /** Clients with bodies that wait, the next one first. */
  readonly #queue: ClientBudget[] = [];
  #timer: NodeJS.Timeout | undefined;
  #turn: { at: number; rates: Rates; least: number; share: number } = {
    ...{ at: -Infinity, rates: { zone: null, client: null }, least: 1, share: Infinity },
  };
  #asking = 0;
  /** Since `drainUse` was called last. */
  #use = { bytes: 0, waited: false };
  #second = { at: -Infinity, clients: 0, before: 0 };

  constructor(
    private readonly rates: () => Rates,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  newClient(): ClientBudget {
    return new ClientBudget(this);
  }

  /** Clients that have taken bytes lately. */
  get activeClients(): number {
    this.#countSecond(this.clock());
    return Math.max(this.#second.clients, this.#second.before);
  }

  /** What left since this was asked last, and whether anybody had to wait. */
  drainUse(): { bytes: number; waited: boolean } {
    const { bytes, waited } = this.#use;
    this.#use = { bytes: 0, waited: false };
    return { bytes, waited: waited || this.#queue.length > 0 };
  }

  take(client: ClientBudget, wanted: number, response: ServerResponse): number | Promise<number> {
    if (isGone(response)) return 0;
    const bytes = this.#takeNow(client, wanted, (least) => Math.min(wanted, least));
    if (bytes > 0) return bytes;
    return new Promise((resolve) => {
      const waiting: Waiting = {
        wanted,
        go: (granted) => {
          stopWatching();
          resolve(granted);
        },
      };
      const stopWatching = onceGone(response, () => {
        client.waiting.delete(waiting);
        resolve(0);
      });
      this.#enqueue(client);
      client.waiting.add(waiting);
      this.#use.waited = true;
      if (this.#timer === undefined) this.#timer = setTimeout(() => this.#serve(), TURN_MS);
    });
  }

  /** Takes all of `bytes` or nothing. */
  takeAll(client: ClientBudget, bytes: number): boolean {
    return bytes === 0 || this.#takeNow(client, bytes, () => bytes) > 0;
  }

  giveBack(client: ClientBudget, bytes: number): void {
    this.#bucket.giveBack(bytes);
    client.bucket.giveBack(bytes);
    client.taken -= bytes;
    this.#use.bytes -= bytes;
  }

  /** Takes from `least` to `wanted` bytes, or none. Nobody passes those who wait. */
  #takeNow(client: ClientBudget, wanted: number, leastOf: (least: number) => number): number {
    const now = this.clock();
    if (now - this.#turn.at >= TURN_MS) this.#beginTurn(now);
    this.#meet(client, now);
    if (this.#queue.length > 0) return 0;
    const allowed = Math.min(wanted, Math.floor(this.#turn.share - client.taken));
    const least = leastOf(this.#turn.least);
    return allowed < least ? 0 : this.#grant(client, allowed, least, now);
  }

  #grant(client: ClientBudget, wanted: number, least: number, now: number): number {
    const { rates } = this.#turn;
    const inZone = this.#bucket.available(rates.zone, now);
    const bytes = Math.min(wanted, inZone, client.bucket.available(rates.client, now));
    if (bytes < least) return 0;
    this.#bucket.take(bytes);
    client.bucket.take(bytes);
    client.taken += bytes;
    this.#use.bytes += bytes;
    return bytes;
  }

  /** Gives those who wait what has grown meanwhile, in turn, in equal parts as long as there is something. */
  #serve(): void {
    const now = this.clock();
    this.#beginTurn(now);
    const { rates, least } = this.#turn;
    for (let isMoving = true; isMoving && this.#queue.length > 0;) {
      isMoving = false;
      const part = Math.max(least, Math.floor(this.#bucket.available(rates.zone, now) / this.#queue.length));
      for (let count = this.#queue.length; count > 0; count--) {
        if (this.#bucket.available(rates.zone, now) < least) break; // the next one is the first of the next turn
        const client = this.#queue.shift();
        if (!client) break;
        client.isQueued = false;
        this.#meet(client, now);
        if (this.#serveClient(client, part, now) > 0) isMoving = true;
        if (client.waiting.size > 0) this.#enqueue(client);
      }
    }
    this.#timer = this.#queue.length > 0 ? setTimeout(() => this.#serve(), TURN_MS) : undefined;
  }

  /** Once, also where all bodies that it was queued for have gone since: each place in the queue is a share. */
  #enqueue(client: ClientBudget): void {
    if (client.isQueued) return;
    client.isQueued = true;
    this.#queue.push(client);
  }

  /** Gives the bodies of one client up to `part` bytes, in order of their asking. */
  #serveClient(client: ClientBudget, part: number, now: number): number {
    let given = 0;
    for (const waiting of client.waiting) {
      const least = Math.min(waiting.wanted, this.#turn.least);
      if (part - given < least) break;
      const bytes = this.#grant(client, Math.min(waiting.wanted, part - given), least, now);
      if (bytes === 0) break;
      given += bytes;
      client.waiting.delete(waiting);
      waiting.go(bytes);
    }
    return given;
  }

  #beginTurn(now: number): void {
    const rates = this.rates();
    const least = Math.min(leastPiece(rates.zone), leastPiece(rates.client));
    const share = this.#bucket.available(rates.zone, now) / Math.max(1, this.#asking);
    this.#turn = { at: now, rates, least, share: Math.max(least, share) };
    this.#asking = 0;
  }

  #meet(client: ClientBudget, now: number): void {
    if (client.turn !== this.#turn.at) {
      client.turn = this.#turn.at;
      client.taken = 0;
      this.#asking++;
    }
    this.#countSecond(now);
    if (client.second === this.#second.at) return;
    client.second = this.#second.at;
    this.#second.clients++;
  }

  #countSecond(now: number): void {
    const { at, clients } = this.#second;
    if (now - at < ACTIVE_MS) return;
    this.#second = { at: now, clients: 0, before: now - at < 2 * ACTIVE_MS ? clients : 0 };
  }
}

/** One client's part of the budget of its zone. */
export class ClientBudget implements Pace {
  readonly bucket = new TokenBucket();
  /** In order of asking. */
  readonly waiting = new Set<Waiting>();
  isQueued = false;
  /** The turn in which it asked last, and what it has taken in that. */
  turn = -Infinity;
  taken = 0;
  second = -Infinity;

  constructor(private readonly zone: ZoneBudget) {}

  take(wanted: number, response: ServerResponse): number | Promise<number> {
    return this.zone.take(this, wanted, response);
  }

  takeNow(bytes: number): boolean {
    return this.zone.takeAll(this, bytes);
  }

  giveBack(bytes: number): void {
    this.zone.giveBack(this, bytes);
  }
}
