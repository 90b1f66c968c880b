import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MillpondError, systemCode } from '../core/errors.js';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const LOOK_FOR_IDLE_EVERY_MS = 200;
/** A connection on which nothing moves for so long is closed: a reader that has stopped holds a file open. */
const IDLE_TIMEOUT_MS = 120_000;

interface Listener {
  readonly key: string;
  readonly server: Server;
}

/** The addresses that are listened on. They can be changed while requests are served. */
export class HttpListeners {
  #servers: Listener[] = [];

  constructor(private readonly handler: RequestListener) {}

  /**
   * Listens on `addresses` and on no others. New ones are opened first: when one of them cannot be, nothing changes.
   * Returns the base URLs. @throws MillpondError unavailable
   */
  async apply(addresses: readonly ListenAddress[]): Promise<string[]> {
    const wanted = new Map(addresses.map((address) => [`${address.host} ${address.port}`, address]));
    const kept = this.#servers.filter(({ key }) => wanted.has(key));
    const opened: Listener[] = [];
    try {
      for (const [key, address] of wanted)
        if (!kept.some((known) => known.key === key)) opened.push({ key, server: await this.#open(address) });
    } catch (error) {
      for (const { server } of opened) server.close();
      throw error;
    }
    // what is no longer listened on serves its running requests to the end
    for (const known of this.#servers) if (!kept.includes(known)) void endWhenIdle(known.server);
    this.#servers = [...kept, ...opened];
    return this.#servers.map(({ server }) => baseUrl(server.address() as AddressInfo));
  }

  /** No new connections; running requests get `graceMs` to finish, then they are cut. */
  async close(graceMs: number): Promise<void> {
    const servers = this.#servers.map(({ server }) => server);
    this.#servers = [];
    const cut = setTimeout(() => servers.forEach((server) => server.closeAllConnections()), graceMs);
    await Promise.all(servers.map(endWhenIdle));
    clearTimeout(cut);
  }

  async #open({ host, port }: ListenAddress): Promise<Server> {
    const server = createServer(this.handler);
    server.timeout = IDLE_TIMEOUT_MS;
    server.requestTimeout = 0; // a layer that is pushed may take hours: only one that has stopped is cut
    server.listen({ host, port });
    try {
      await once(server, 'listening');
    } catch (error) {
      throw new MillpondError('unavailable', `cannot listen on ${host} port ${port}: ${whyNot(error)}`, {
        hint: 'Choose another address in listen.http, or stop the program that uses it.',
        cause: error,
      });
    }
    return server;
  }
}

async function endWhenIdle(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const timer = setInterval(() => server.closeIdleConnections(), LOOK_FOR_IDLE_EVERY_MS);
  server.closeIdleConnections();
  await closed;
  clearInterval(timer);
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
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
