import { LRUCache } from 'lru-cache';
import { ZoneBudget, type ClientBudget, type Rates } from './zone-budget.js';

/** Clients of a zone that are remembered; an attacker with very many addresses makes it forget some. */
const MOST_CLIENTS = 65_536;
/** Milliseconds after which a client is forgotten that does nothing, and between two looks for such. */
const IDLE_MS = 60_000;
const SECOND_MS = 1000;

/** What a client uses now. */
export class ClientState {
  connections = 0;
  /** When it was met last; milliseconds since the epoch. */
  seenAt = 0;
  #window = { at: -Infinity, requests: 0 };

  constructor(readonly budget: ClientBudget) {}

  /** Counts a request; returns how many there were within the same second, and when that ends. */
  countRequest(now: number): { requests: number; until: number } {
    const { at } = this.#window;
    if (now - at >= SECOND_MS || now < at) this.#window = { at: now, requests: 0 };
    this.#window.requests++;
    return { requests: this.#window.requests, until: this.#window.at + SECOND_MS };
  }
}

/** What the clients of a zone use now. `clock` is in milliseconds since the epoch. */
export class ZoneState {
  connections = 0;
  readonly budget: ZoneBudget;
  readonly #clients = new LRUCache<string, ClientState>({ max: MOST_CLIENTS });
  #sweptAt = 0;

  constructor(
    rates: () => Rates,
    private readonly clock: () => number,
  ) {
    this.budget = new ZoneBudget(rates);
  }

  /** The state of a client, which is remembered while it does something. */
  client(key: string): ClientState {
    const now = this.clock();
    const known = this.#clients.get(key);
    if (known) {
      known.seenAt = now;
      return known;
    }
    if (now - this.#sweptAt >= IDLE_MS) this.#forgetIdle(now);
    const client = new ClientState(this.budget.newClient());
    client.seenAt = now;
    this.#clients.set(key, client);
    return client;
  }

  /** Undefined where the client is not remembered. */
  knownClient(key: string): ClientState | undefined {
    return this.#clients.peek(key);
  }

  #forgetIdle(now: number): void {
    this.#sweptAt = now;
    for (const [key, { connections, seenAt, budget }] of this.#clients)
      if (connections === 0 && budget.waiting.size === 0 && now - seenAt >= IDLE_MS) this.#clients.delete(key);
  }
}
