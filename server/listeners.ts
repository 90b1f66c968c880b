import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MillpondError, systemCode } from '../core/errors.js';

export interface ListenAddress {
  /** A name or an address; empty for all addresses of the machine. */
  readonly host: string;
  /** 0 for one that is free. */
  readonly port: number;
}

const LOOK_FOR_IDLE_EVERY_MS = 200;
/** A connection on which nothing moves for so long is closed: a reader that has stopped holds a file open. */
const IDLE_TIMEOUT_MS = 120_000;

interface Listener {
  /** As it was asked for. */
  readonly key: string;
  /** As it was taken, with the port that 0 became. */
  readonly address: ListenAddress;
  readonly server: Server;
}

/** The addresses that are listened on. They can be changed while requests are served. */
export class HttpListeners {
  #listeners: Listener[] = [];
  /** Those that take no more connections and still serve running requests. */
  readonly #leaving = new Set<Server>();

  constructor(private readonly handler: RequestListener) {}

  /**
   * Listens on `addresses` and on no others. When a new one cannot be opened, the old ones are listened on as before.
   * Returns the base URLs. @throws MillpondError unavailable
   */
  async apply(addresses: readonly ListenAddress[]): Promise<string[]> {
    const wanted = new Map(addresses.map((address) => [keyOf(address), address]));
    const kept = this.#listeners.filter(({ key }) => wanted.has(key));
    const added = [...wanted.values()].filter((address) => !kept.some(({ key }) => key === keyOf(address)));
    const dropped = this.#listeners.filter(({ key }) => !wanted.has(key));
    // our own address must be given up before one that contains it, or is contained in it, can be taken
    const inTheWay = dropped.filter(({ address }) => added.some(({ port }) => port === address.port));
    for (const { server } of inTheWay) void this.#leave(server);
    const opened: Listener[] = [];
    try {
      for (const address of added) opened.push(await this.#open(address, keyOf(address)));
    } catch (error) {
      for (const { server } of opened) void this.#leave(server);
      this.#listeners = this.#listeners.filter((listener) => !inTheWay.includes(listener));
      await this.#openAgain(inTheWay, error);
      throw error;
    }
    for (const listener of dropped) if (!inTheWay.includes(listener)) void this.#leave(listener.server);
    this.#listeners = [...kept, ...opened];
    return this.#listeners.map(({ server }) => baseUrl(server.address() as AddressInfo));
  }

  /** No new connections; running requests get `graceMs` to finish, then they are cut. */
  async close(graceMs: number): Promise<void> {
    const servers = [...this.#listeners.map(({ server }) => server), ...this.#leaving];
    this.#listeners = [];
    const cut = setTimeout(() => servers.forEach((server) => server.closeAllConnections()), graceMs);
    await Promise.all(servers.map((server) => this.#leave(server)));
    clearTimeout(cut);
  }

  /** No new connections from now on; resolves when the running requests have ended. */
  async #leave(server: Server): Promise<void> {
    this.#leaving.add(server);
    const closed = once(server, 'close');
    server.close();
    const timer = setInterval(() => server.closeIdleConnections(), LOOK_FOR_IDLE_EVERY_MS);
    server.closeIdleConnections();
    await closed;
    clearInterval(timer);
    this.#leaving.delete(server);
  }

  async #openAgain(listeners: readonly Listener[], because: unknown): Promise<void> {
    try {
      for (const { address, key } of listeners) this.#listeners.push(await this.#open(address, key));
    } catch (error) {
      const message = because instanceof MillpondError ? because.message : String(because);
      throw new MillpondError('unavailable', `${message}, and the address before was taken meanwhile`, {
        hint: 'Choose a free address in listen.http and reload again.',
        cause: error,
      });
    }
  }

  async #open(address: ListenAddress, key: string): Promise<Listener> {
    const server = createServer(this.handler);
    server.timeout = IDLE_TIMEOUT_MS;
    server.requestTimeout = 0; // a layer that is pushed may take hours: only one that has stopped is cut
    server.listen(address);
    try {
      await once(server, 'listening');
    } catch (error) {
      const where = `${address.host === '' ? 'every address,' : address.host} port ${address.port}`;
      throw new MillpondError('unavailable', `cannot listen on ${where}: ${whyNot(error)}`, {
        hint: 'Choose another address in listen.http, or stop the program that uses it.',
        cause: error,
      });
    }
    const { port } = server.address() as AddressInfo;
    return { key, address: { host: address.host, port }, server };
  }
}

function keyOf({ host, port }: ListenAddress): string {
  return `${host} ${port}`;
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there, or another address in listen.http includes it',
  EACCES: 'this user may not (ports under 1024 need a privilege)',
  EADDRNOTAVAIL: 'this machine has no such address',
};

function whyNot(error: unknown): string {
  const code = systemCode(error) ?? 'unknown reason';
  return REASONS[code] ?? code;
}

function baseUrl({ family, address, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
