import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createServer, type RequestListener, type Server as HttpServer, type ServerOptions } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { ListenOptions, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { MillpondError, systemCode } from '../../core/errors.js';
import { RareWarning } from '../../platform/rare-warning.js';
import { passPeerAddress } from '../peer-address.js';
import type { Certificates } from './certificates.js';
import type { Connections } from './connections.js';
import { KeptCertificates } from './kept-certificates.js';
import type { QuickRoad } from '../quick/quick-road.js';
import { baseUrl, keyOf, placeWords, type Place, type Wanted } from './places.js';
import { boundPipeline } from './pipeline.js';
import { receiveProxyHeader } from './proxy-stage.js';
import { answerBrokenRequest, MAX_HEAD_BYTES, refuseUnfit } from './request-limits.js';
import { clearSocketPath } from './unix-socket.js';

/** What all listeners are given. */
export interface ListenerParts {
  readonly handler: RequestListener;
  /** Answers some requests before Node's parser, where there is no TLS. */
  readonly quick?: QuickRoad;
  readonly connections: Connections;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Whether the other end of a connection may say whose it is. */
  isTrustedProxy(socket: Socket): boolean;
  /** Where given, it gets all connections, with the key of their place, before anything is read from them. */
  readonly handOver?: ((socket: Socket, key: string) => void) | undefined;
  /** Milliseconds between looks at the files of certificates; every five seconds unless given. */
  readonly lookAtFilesEveryMs?: number;
  /** Milliseconds that the header of a request may take; 20 seconds unless given. */
  readonly headersTimeoutMs?: number;
}

const HEADERS_TIMEOUT_MS = 20_000;
/** Connections that the kernel keeps until they are taken; those of a rush that find no room wait a second and more. */
const BACKLOG = 4096;
const LOOK_FOR_IDLE_EVERY_MS = 200;
const LOOK_AT_FILES_EVERY_MS = 5_000;
/** A connection on which nothing moves for so long is closed: a reader that has stopped holds a file open. */
const IDLE_TIMEOUT_MS = 120_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Of a place that is given up, connections on which nothing was ever asked are closed after so long. */
const UNUSED_GRACE_MS = 5_000;

const TOO_MANY = 'there are as many as may be';

const LIMITS: ServerOptions = {
  maxHeaderSize: MAX_HEAD_BYTES,
  requestTimeout: 0, // a layer that is pushed may take hours: only one that has stopped is cut
  joinDuplicateHeaders: true, // else Node drops what a second line says: of two dates none counts (RFC 9110 section 13.1.3)
  keepAliveTimeout: 75_000, // longer than proxies keep connections, else they ask on one that is being closed
};

function limitsOf({ headersTimeoutMs = HEADERS_TIMEOUT_MS }: ListenerParts): ServerOptions {
  return { ...LIMITS, headersTimeout: headersTimeoutMs, connectionsCheckingInterval: headersTimeoutMs / 10 };
}

/** One place that is listened on. */
export class Listener {
  readonly server: HttpServer | HttpsServer;
  readonly #refusals: RareWarning;
  #taken: Place;
  #isLeaving = false;
  /** Another process listens at the place. */
  #isStanding = false;

  private constructor(
    private readonly parts: ListenerParts,
    private wanted: Wanted,
    private readonly certificates: KeptCertificates | null,
  ) {
    this.#taken = wanted.place;
    this.#refusals = new RareWarning(parts.log);
    this.server = certificates ? this.#secureServer(certificates) : createServer(limitsOf(parts));
    this.server.maxHeadersCount = 0; // a limit drops fields in silence: refuseUnfit counts them
    this.server.timeout = IDLE_TIMEOUT_MS;
    // Node asks its parser, which knows nothing of answers that were given before it, and would cut them
    this.server.closeIdleConnections = () => parts.connections.closeIdle(this.server);
    this.server.on('request', this.#answer);
    this.server.on('clientError', (error: Error, socket: Socket) =>
      answerBrokenRequest(error, socket, parts.connections.isAnswering(socket)),
    );
    this.#standBefore();
  }

  /** @throws MillpondError invalid, unavailable */
  static async open(parts: ListenerParts, wanted: Wanted): Promise<Listener> {
    const listener = await Listener.#make(parts, wanted);
    try {
      await listener.#listen();
    } catch (error) {
      listener.certificates?.stop();
      throw error;
    }
    return listener;
  }

  /** Without listening: its connections are taken by another process, and given to `take`. @throws MillpondError invalid */
  static async stand(parts: ListenerParts, wanted: Wanted): Promise<Listener> {
    const listener = await Listener.#make(parts, wanted);
    listener.#isStanding = true;
    // for whoever asks whether it is leaving
    Object.defineProperty(listener.server, 'listening', { get: () => !listener.#isLeaving });
    listener.server.emit('listening'); // from then on Node looks after timeouts
    return listener;
  }

  static async #make(parts: ListenerParts, wanted: Wanted): Promise<Listener> {
    const options = {
      log: parts.log,
      lookEveryMs: parts.lookAtFilesEveryMs ?? LOOK_AT_FILES_EVERY_MS,
      onChange: ({ all: [{ cert, key }] }: Certificates): void =>
        (listener.server as HttpsServer).setSecureContext({ cert, key }),
    };
    const certificates = wanted.tls && (await KeptCertificates.open(wanted.tls.certificates, options));
    const listener = new Listener(parts, wanted, certificates);
    return listener;
  }

  /** As it was taken, with the port that 0 became. */
  get place(): Place {
    return this.#taken;
  }

  get url(): string {
    return baseUrl(this.wanted, this.server.address());
  }

  /** How it is listened on, to be opened again at the same place. */
  get asTaken(): Wanted {
    return { ...this.wanted, place: this.place };
  }

  /** Prepares a change to `wanted`, of the same key; what it returns makes it. @throws MillpondError invalid */
  async prepare(wanted: Wanted): Promise<() => Promise<void>> {
    const files = wanted.tls?.certificates;
    const read = files && (await this.certificates?.read(files));
    return async () => {
      this.wanted = wanted;
      if (files && read) this.certificates?.use(files, read);
      await this.#setMode();
    };
  }

  /** A connection that another process has handed over. */
  take(socket: Socket): void {
    socket.allowHalfOpen = true; // as those that Node's HTTP server takes itself
    this.server.emit('connection', socket);
  }

  /**
   * No new connections from now on; resolves when the running requests have ended. Those that wait for another request
   * are closed after `idleMs`: clients that go on asking are told meanwhile.
   */
  async leave(idleMs = 0): Promise<void> {
    const { server } = this;
    const { connections } = this.parts;
    this.#isLeaving = true;
    this.certificates?.stop();
    if (idleMs > 0) await Promise.race([connections.left(server), pause(idleMs)]);
    const closed = once(server, 'close');
    server.close();
    if (this.parts.handOver) return; // Node would wait for connections that are others' now, also of such that have died
    const timer = setInterval(() => server.closeIdleConnections(), LOOK_FOR_IDLE_EVERY_MS);
    const unused = setTimeout(() => connections.closeUnused(server), UNUSED_GRACE_MS);
    await closed;
    await connections.left(server); // of those that were handed over, the server knows nothing
    clearInterval(timer);
    clearTimeout(unused);
  }

  /** Cuts whatever is running. */
  cut(): void {
    this.parts.connections.closeAll(this.server);
  }

  readonly #answer: RequestListener = (request, response) => {
    this.parts.connections.asked(request.socket, response);
    boundPipeline(request, response);
    if (this.#isLeaving) response.setHeader('Connection', 'close');
    const hsts = this.wanted.tls?.hsts ?? null;
    if (hsts !== null) response.setHeader('Strict-Transport-Security', `max-age=${hsts}`);
    if (!refuseUnfit(request, response)) this.parts.handler(request, response);
  };

  #secureServer(certificates: KeptCertificates): HttpsServer {
    const { connections } = this.parts;
    const { cert, key } = certificates.first;
    const server = createHttpsServer({
      ...{ ...limitsOf(this.parts), cert, key, handshakeTimeout: HANDSHAKE_TIMEOUT_MS },
      SNICallback: (host, done) => done(null, certificates.contextFor(host)),
    });
    server.prependListener('secureConnection', (tls) => {
      const carrier = carrierOf(tls);
      if (!carrier) return tls.destroy();
      connections.secured(carrier, tls);
      passPeerAddress(carrier, tls);
    });
    return server;
  }

  /** Sees each connection before HTTP or TLS begins on it. */
  #standBefore(): void {
    const { server, parts } = this;
    const ways = server.listeners('connection') as ((socket: Socket) => void)[];
    server.removeAllListeners('connection');
    const { handOver } = parts;
    if (handOver) {
      Object.assign(server, { pauseOnConnect: true }); // an option of net.Server that HTTP servers do not pass on
      server.on('connection', (socket: Socket) => handOver(socket, keyOf(this.wanted)));
      return;
    }
    server.on('connection', (socket: Socket) => {
      const begin = (): void => {
        for (const way of ways) way.call(server, socket);
        if (!this.certificates) parts.quick?.(socket, server, () => parts.connections.used(socket));
      };
      const beginNamed = (): void => (parts.connections.named(socket) ? begin() : this.#refuse(socket, TOO_MANY));
      const { proxyProtocol } = this.wanted;
      if (!parts.connections.opened(socket, server, !proxyProtocol)) this.#refuse(socket, TOO_MANY);
      else if (!proxyProtocol) begin();
      else if (parts.isTrustedProxy(socket)) receiveProxyHeader(socket, beginNamed, (why) => this.#refuse(socket, why));
      else this.#refuse(socket, 'it comes from no proxy that is trusted ("proxies" in the configuration)');
    });
  }

  #refuse(socket: Socket, why: string): void {
    const from = socket.remoteAddress;
    socket.destroy();
    this.#refusals.say({ from }, `a connection to ${placeWords(this.place)} was closed: ${why}`);
  }

  async #listen(): Promise<void> {
    const { server } = this;
    const { place } = this.wanted;
    if (place.kind === 'unix') await clearSocketPath(place.path);
    try {
      server.listen({ ...whereOf(place), backlog: BACKLOG });
      await once(server, 'listening');
      const bound = server.address();
      if (place.kind === 'tcp' && bound && typeof bound === 'object') this.#taken = { ...place, port: bound.port };
      await this.#setMode();
    } catch (error) {
      server.close();
      throw new MillpondError('unavailable', `cannot listen on ${placeWords(place)}: ${whyNot(error)}`, {
        hint: 'Choose another address in listen, or stop the program that uses it.',
        cause: error,
      });
    }
    // such as too many open files: one connection is lost, not the program
    server.on('error', (error) => this.parts.log.warn({ err: error }, 'a connection could not be taken'));
  }

  async #setMode(): Promise<void> {
    const { place, mode } = this.wanted;
    if (place.kind === 'unix' && !this.#isStanding) await chmod(place.path, mode);
  }
}

function whereOf(place: Place): ListenOptions & { fd?: number } {
  if (place.kind === 'passed') return { fd: place.descriptor };
  return place.kind === 'unix' ? { path: place.path } : { host: place.host, port: place.port };
}

/** The connection that carries a TLS one. Node has no public name for it; without it, nothing is served over TLS. */
function carrierOf(tls: TLSSocket): Socket | undefined {
  return (tls as unknown as { readonly _parent?: Socket })._parent;
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there, or another address in listen includes it',
  EACCES: 'this user may not (ports under 1024 need a privilege, a Unix socket the right to write to its folder)',
  EADDRNOTAVAIL: 'this machine has no such address',
  EINVAL: 'it cannot be listened on',
};

function whyNot(error: unknown): string {
  const code = systemCode(error) ?? 'unknown reason';
  return REASONS[code] ?? code;
}
