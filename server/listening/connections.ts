import type { ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';

interface Connection {
  readonly server: Server;
  /** The last one that was asked for; null before the first. */
  readonly answer: ServerResponse | null;
  /** Whether it is one of a client in the zone `public`. */
  readonly isPublic: boolean;
}

/** What is kept free of clients in the zone `public`. */
export interface Reserve {
  /** How many of `most` places; asked each time. */
  placesOf(most: number): number;
  /** Whose connection it is does not change. */
  isPublic(socket: Socket): boolean;
}

/** Of the connections, so many are closed at a time when there are too many. */
const CLOSED_AT_A_TIME = 1 / 64;
/** Where none could be closed, it is not tried again for so long: whoever is refused must cost little. */
const TRY_AGAIN_MS = 50;

const NO_RESERVE: Reserve = { placesOf: () => 0, isPublic: () => false };

/**
 * All open connections of all addresses, and how many there may be. The one that was used least recently is the first:
 * of those on which nothing is being answered, it is closed before a new one is refused. Clients in the zone `public` get
 * none of the last places, and close only their own for a new one; for others, those of `public` are closed first.
 */
export class Connections {
  readonly #all = new Map<Socket, Connection>();
  /** When no place was found for those of the zone `public`, and for others. */
  readonly #wasFullAt = { public: -Infinity, others: -Infinity };

  /** `most` is asked each time. */
  constructor(
    private readonly most: () => number,
    private readonly reserve: Reserve = NO_RESERVE,
  ) {}

  get size(): number {
    return this.#all.size;
  }

  /**
   * False where there is no room for it: then it is to be closed. Of one that is not `named`, a proxy will say whose it
   * is.
   */
  opened(socket: Socket, server: Server, isNamed = true): boolean {
    const isPublic = isNamed && this.reserve.isPublic(socket);
    if (this.#all.size >= this.#placesFor(isPublic) && !this.#makeRoom(isPublic)) return false;
    this.#add(socket, { server, answer: null, isPublic });
    return true;
  }

  /** A proxy has said whose it is. False as of `opened`. */
  named(socket: Socket): boolean {
    const connection = this.#all.get(socket);
    if (!connection || !this.reserve.isPublic(socket)) return true;
    if (this.#all.size > this.#placesFor(true) && !this.#makeRoom(true)) return false;
    this.#all.set(socket, { ...connection, isPublic: true });
    return true;
  }

  /** From now on requests come through `tls`, which `socket` carries. */
  secured(socket: Socket, tls: Socket): void {
    const connection = this.#all.get(socket);
    if (!connection) return;
    this.#all.delete(socket);
    this.#add(tls, connection);
  }

  asked(socket: Socket, answer: ServerResponse): void {
    const connection = this.#all.get(socket);
    if (!connection) return;
    this.#all.delete(socket);
    const { server, isPublic } = connection;
    this.#all.set(socket, { server, answer, isPublic });
  }

  /** Something was asked on it that has been answered. */
  used(socket: Socket): void {
    const connection = this.#all.get(socket);
    if (!connection) return;
    this.#all.delete(socket);
    this.#all.set(socket, connection);
  }

  isAnswering(socket: Socket): boolean {
    const connection = this.#all.get(socket);
    return connection !== undefined && isAnswering(socket, connection);
  }

  /** Closes those of `server` that wait for another request. */
  closeIdle(server: Server): void {
    this.#close(
      (connection, socket) =>
        connection.server === server && connection.answer !== null && !isAnswering(socket, connection),
    );
  }

  /** Closes those of `server` on which nothing was ever asked. */
  closeUnused(server: Server): void {
    this.#close((connection) => connection.server === server && connection.answer === null);
  }

  closeAll(server: Server): void {
    this.#close((connection) => connection.server === server);
  }

  /** Resolves when none of `server` is open. */
  async left(server: Server): Promise<void> {
    for (let open = this.#oneOf(server); open; open = this.#oneOf(server)) {
      const socket = open;
      await new Promise((resolve) => socket.once('close', resolve));
    }
  }

  #oneOf(server: Server): Socket | undefined {
    for (const [socket, connection] of this.#all) if (connection.server === server) return socket;
    return undefined;
  }

  #add(socket: Socket, connection: Connection): void {
    this.#all.set(socket, connection);
    socket.once('close', () => this.#all.delete(socket));
  }

  #placesFor(isPublic: boolean): number {
    const most = this.most();
    return isPublic ? most - this.reserve.placesOf(most) : most;
  }

  #makeRoom(isPublic: boolean): boolean {
    const now = performance.now();
    const who = isPublic ? 'public' : 'others';
    if (now - this.#wasFullAt[who] < TRY_AGAIN_MS) return false;
    if (this.#closeSomeIdle(true) || (!isPublic && this.#closeSomeIdle(false))) return true;
    this.#wasFullAt[who] = now;
    return false;
  }

  #closeSomeIdle(isPublic: boolean): boolean {
    const some = Math.ceil(this.#all.size * CLOSED_AT_A_TIME);
    const isMeant = (connection: Connection, socket: Socket): boolean =>
      connection.isPublic === isPublic && !isAnswering(socket, connection);
    return this.#close(isMeant, some) > 0;
  }

  /** Returns how many were closed, `most` at most. */
  #close(isMeant: (connection: Connection, socket: Socket) => boolean, most = Infinity): number {
    let closed = 0;
    for (const [socket, connection] of this.#all) {
      if (closed >= most) break;
      if (!isMeant(connection, socket)) continue;
      this.#all.delete(socket);
      socket.destroy();
      closed++;
    }
    return closed;
  }
}

/**
 * Answers leave in the order of their requests (RFC 9112 section 9.3.2): when the last has left, all have. Of those that
 * were given before Node's parser, only the bytes that wait are known here.
 */
function isAnswering(socket: Socket, { answer }: Connection): boolean {
  return socket.writableLength > 0 || (answer !== null && !answer.writableFinished);
}
