import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { FileServer } from './serve-servers.js';

export interface CrowdSize {
  /** Clients that take a large file in very small steps. */
  readonly slow: number;
  /** Connections on which nothing is asked. */
  readonly idle: number;
}

/** Of connections that are opened at a time: what is to be measured is how they are held. */
const AT_A_TIME = 200;
const STEP_MS = 1_000;

/** Clients that hold a server's connections and ask for next to nothing, until they leave. */
export class Crowd {
  readonly #slow: Socket[] = [];
  readonly #idle: Socket[] = [];
  #timer: NodeJS.Timeout | undefined;
  #turn = 0;

  private constructor(private readonly server: Pick<FileServer, 'name' | 'url'>) {}

  /** `path` is that of the file below the mirror; each slow client takes a piece of it in one of `everySteps` seconds. */
  static async gather(
    server: Pick<FileServer, 'name' | 'url'>,
    path: string,
    size: CrowdSize,
    everySteps = 1,
  ): Promise<Crowd> {
    const crowd = new Crowd(server);
    const { pathname } = new URL(server.url);
    try {
      await crowd.#connect(crowd.#idle, size.idle);
      await crowd.#connect(crowd.#slow, size.slow);
    } catch (error) {
      crowd.leave();
      throw error;
    }
    const begun = crowd.#slow.map(async (socket) => {
      socket.on('data', () => socket.pause());
      socket.write(`GET ${pathname}${path} HTTP/1.1\r\nHost: mirror.test\r\n\r\n`);
      await Promise.race([once(socket, 'data'), once(socket, 'close')]);
    });
    await Promise.all(begun);
    crowd.#timer = setInterval(() => crowd.#step(everySteps), STEP_MS);
    return crowd;
  }

  /** @throws Error where the server has not kept all of them, or has given one nothing */
  check(): void {
    const all: [string, Socket[]][] = [
      ['slow clients', this.#slow.filter((socket) => socket.closed || socket.bytesRead === 0)],
      ['idle connections', this.#idle.filter((socket) => socket.closed || socket.readableEnded)],
    ];
    for (const [what, gone] of all)
      if (gone.length > 0) throw new Error(`${this.server.name} did not keep ${gone.length} ${what}`);
  }

  leave(): void {
    clearInterval(this.#timer);
    for (const socket of [...this.#slow, ...this.#idle]) socket.destroy();
  }

  async #connect(sockets: Socket[], count: number): Promise<void> {
    const { hostname, port } = new URL(this.server.url);
    while (sockets.length < count) {
      const some = Array.from({ length: Math.min(AT_A_TIME, count - sockets.length) }, () =>
        connect({ host: hostname, port: Number(port) }),
      );
      sockets.push(...some);
      await Promise.all(some.map((socket) => once(socket, 'connect')));
      for (const socket of some) socket.on('error', () => undefined).resume();
    }
  }

  #step(everySteps: number): void {
    this.#turn = (this.#turn + 1) % everySteps;
    for (let index = this.#turn; index < this.#slow.length; index += everySteps) this.#slow[index]?.resume();
  }
}
