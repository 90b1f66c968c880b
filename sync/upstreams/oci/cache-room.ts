import { evictCached, type EvictOptions } from '../../../content/evict-cached.js';
import type { OnDemandRule, Registry } from '../../../core/oci/image-mirror.js';

/** How often what is kept is measured at most, when it is full. Milliseconds. */
const MEASURE_EVERY = 60_000;

export interface CacheRoomOptions extends EvictOptions {
  readonly log: {
    info(details: object, message: string): void;
    error(details: object, message: string): void;
  };
}

/** Keeps what was fetched on demand from each registry within its limit; measures only when it may be over. */
export class CacheRoom {
  /** Bytes that may come before it is measured again, and when it was. */
  readonly #room = new Map<string, { bytes: number; measuredAt: number }>();
  readonly #controller = new AbortController();
  readonly #running = new Map<string, Promise<void>>();

  constructor(private readonly options: CacheRoomOptions) {}

  /** So many bytes have come from a registry. Makes room in the background where that is needed. */
  added({ name, onDemand }: Registry, bytes: number): void {
    if (!onDemand || this.#running.has(name) || this.#controller.signal.aborted) return;
    const room = this.#room.get(name);
    if (room) {
      room.bytes -= bytes;
      if (room.bytes >= 0 || this.options.clock() - room.measuredAt < MEASURE_EVERY) return;
    }
    const work = this.#makeRoom(name, onDemand).finally(() => this.#running.delete(name));
    this.#running.set(name, work);
  }

  /** Limits may have changed: all is measured when something comes next. */
  reset(): void {
    this.#room.clear();
  }

  async close(): Promise<void> {
    this.#controller.abort();
    await Promise.all(this.#running.values());
  }

  async #makeRoom(registry: string, { keep, pin }: OnDemandRule): Promise<void> {
    const { log, clock } = this.options;
    const { signal } = this.#controller;
    try {
      const { before, after, images, blobs } = await evictCached(this.options, { registry, keep, pin }, signal);
      this.#room.set(registry, { bytes: keep - after, measuredAt: clock() });
      if (images + blobs > 0)
        log.info({ registry, images, blobs, bytes: before - after }, 'what was pulled least recently made room');
    } catch (error) {
      if (!signal.aborted) log.error({ err: error, registry }, 'room for images could not be made');
    }
  }
}
