import type { ServerResponse } from 'node:http';
import type { EngineEvent, EngineView } from '../core/engine.js';
import { onceGone } from './client-gone.js';

export interface EventLimits {
  readonly clients: number;
  /** Bytes that may wait for a client before it is dropped. */
  readonly backlog: number;
  /** Seconds between comments that keep idle connections open. */
  readonly heartbeat: number;
}

export const EVENT_LIMITS: EventLimits = { clients: 1000, backlog: 256 * 1024, heartbeat: 15 };

/** Engine events as server-sent events (WHATWG HTML section 9.2) to a bounded number of clients. */
export class EventStream {
  readonly #engine: EngineView;
  readonly #toPublic: (event: EngineEvent) => EngineEvent;
  readonly #limits: EventLimits;
  readonly #clients = new Map<ServerResponse, { mirror: string | null }>();
  #stopFollowing: (() => void) | null = null;
  #heartbeat: NodeJS.Timeout | null = null;

  constructor(engine: EngineView, toPublic: (event: EngineEvent) => EngineEvent, limits: EventLimits = EVENT_LIMITS) {
    this.#engine = engine;
    this.#toPublic = toPublic;
    this.#limits = limits;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Starts the answer; false, and nothing is written, when there are too many clients. `mirror` null = all. */
  add(res: ServerResponse, mirror: string | null): boolean {
    if (this.#clients.size >= this.#limits.clients) return false;
    res.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no', // nginx in front would hold events back
    });
    res.write('retry: 5000\n\n');
    this.#clients.set(res, { mirror });
    onceGone(res, () => this.#remove(res));
    if (this.#clients.size === 1) this.#follow();
    return true;
  }

  /** Ends all answers. */
  close(): void {
    for (const res of this.#clients.keys()) res.end();
    this.#clients.clear();
    this.#rest();
  }

  #follow(): void {
    this.#stopFollowing = this.#engine.subscribe((event) => this.#tell(event));
    this.#heartbeat = setInterval(() => this.#send(': still here\n\n', null), this.#limits.heartbeat * 1000);
    this.#heartbeat.unref();
  }

  #tell(event: EngineEvent): void {
    const told = this.#toPublic(event);
    this.#send(`event: ${told.type}\ndata: ${JSON.stringify(told)}\n\n`, told.mirror);
  }

  #send(text: string, mirror: string | null): void {
    for (const [res, client] of this.#clients) {
      if (mirror !== null && client.mirror !== null && client.mirror !== mirror) continue;
      res.write(text);
      // it reads slower than events come: it reconnects and gets the state as it is then
      if (res.writableLength > this.#limits.backlog) res.destroy();
    }
  }

  #remove(res: ServerResponse): void {
    this.#clients.delete(res);
    if (this.#clients.size === 0) this.#rest();
  }

  #rest(): void {
    this.#stopFollowing?.();
    this.#stopFollowing = null;
    if (this.#heartbeat) clearInterval(this.#heartbeat);
    this.#heartbeat = null;
  }
}
