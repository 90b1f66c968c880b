import type { Socket } from 'node:net';
import { Listener, type ListenerParts } from './listener.js';
import type { NamedPlace } from './places.js';

/** What serves connections that another process takes: one listener for each of its places, which listens on nothing. */
export class HandedListeners {
  #open: ReadonlyMap<string, Listener> = new Map();
  readonly #leaving = new Map<Listener, Promise<void>>();

  constructor(private readonly parts: ListenerParts) {}

  /** Serves connections of these places from now on. @throws MillpondError invalid, and then nothing has changed */
  async apply(places: readonly NamedPlace[]): Promise<void> {
    const changes: (() => Promise<void>)[] = [];
    const next = new Map<string, Listener>();
    for (const { key, wanted } of places) {
      const known = this.#open.get(key);
      if (known) changes.push(await known.prepare(wanted));
      next.set(key, known ?? (await Listener.stand(this.parts, wanted)));
    }
    const before = this.#open;
    this.#open = next;
    for (const [key, listener] of before) if (!next.has(key)) void this.#leave(listener, 0);
    for (const change of changes) await change();
  }

  take(key: string, socket: Socket): void {
    const listener = this.#open.get(key);
    if (listener) listener.take(socket);
    else socket.destroy(); // its place was given up meanwhile
  }

  /** Resolves when all running requests have ended; connections without one are closed after `idleMs`. */
  async leave(idleMs: number): Promise<void> {
    for (const listener of this.#open.values()) void this.#leave(listener, idleMs);
    while (this.#leaving.size > 0) await Promise.all(this.#leaving.values());
  }

  /** Cuts whatever is running. */
  cut(): void {
    for (const listener of [...this.#open.values(), ...this.#leaving.keys()]) listener.cut();
  }

  #leave(listener: Listener, idleMs: number): Promise<void> {
    const left = listener.leave(idleMs).finally(() => this.#leaving.delete(listener));
    this.#leaving.set(listener, left);
    return left;
  }
}
