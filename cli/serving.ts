import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Settings } from '../config/settings.js';
import { NO_LIMITS } from '../core/zone.js';
import type { Log } from '../platform/log.js';
import { PACKAGE_ROOT } from '../platform/package-root.js';
import { takePassedSockets } from '../platform/systemd-sockets.js';
import { startWorkerProcess } from '../platform/worker-process.js';
import { createServer, type Server } from '../server/app.js';
import { clientFinder } from '../server/clients/client-finder.js';
import { openControlSocket, type ControlSocket } from '../server/control-socket.js';
import type { ListenerParts } from '../server/listening/listener.js';
import { HttpListeners } from '../server/listening/listeners.js';
import type { NamedPlace } from '../server/listening/places.js';
import { MAX_HEAD_BYTES } from '../server/listening/request-limits.js';
import type { ServerDeps } from '../server/server-deps.js';
import type { Order } from '../server/workers/messages.js';
import { takePeerField } from '../server/workers/peer-field.js';
import { WorkerPool } from '../server/workers/pool.js';
import { OwnShares, USES_EVERY_MS, ZoneLedger } from '../server/workers/zone-ledger.js';
import { CHILD_MARK } from '../sync/runs/upstream-request.js';
import { listenerParts } from './listeners.js';

export interface ServingParts extends ServerDeps {
  readonly settings: () => Settings;
  readonly log: Log;
}

/** What answers and listens, and the workers that serve what comes; without workers, this process does. */
export interface Serving {
  readonly server: Server;
  readonly listeners: HttpListeners;
  /** Null without workers. */
  readonly pool: WorkerPool | null;
  /** Listens as the settings say, and starts the workers; returns the base URLs. @throws MillpondError invalid, unavailable */
  listen(): Promise<string[]>;
  /** Makes the settings and places of now those of all workers. */
  apply(): Promise<void>;
  /** No new connections; running requests get `graceMs` to finish, then they are cut. */
  stop(graceMs: number): Promise<void>;
}

/** Workers are made of compiled code: Node itself runs no TypeScript. */
const WORKER_FILE = join(PACKAGE_ROOT, 'dist', 'cli', 'worker.js');

/** A body may take as long as the connection of its client lasts, and a field more comes than clients may send. */
const DOOR_LIMITS = { requestTimeout: 0, maxHeaderSize: 2 * MAX_HEAD_BYTES };

/** What answers requests, listens on nothing yet. */
export function createServing(parts: ServingParts): Serving {
  const { settings, layout, log } = parts;
  const hasWorkers = settings().workers > 0;
  const shares = new OwnShares(settings, () => settings().workers + 1);
  const server = createServer({ ...parts, workers: () => pool?.view ?? null }, hasWorkers ? { shared: shares } : {});
  const workers = hasWorkers ? createPool(parts, { server, shares, places: () => listeners.places }) : null;
  const pool: WorkerPool | null = workers?.pool ?? null;
  const ownParts = listenerParts(server, settings, log);
  const handOver = pool ? giveTo(pool, settings, ownParts) : undefined;
  const sockets = takePassedSockets(process.env, process.pid);
  const listeners: HttpListeners = new HttpListeners({ ...ownParts, handOver }, sockets);
  let count = settings().workers;
  let door: ControlSocket | undefined;
  return {
    ...{ server, listeners, pool },
    async listen() {
      const addresses = await listeners.apply(settings().listen);
      if (!pool) return addresses;
      door = await openControlSocket(layout.workersSocket, passedOnTo(server), DOOR_LIMITS);
      await pool.start(count);
      return addresses;
    },
    async apply() {
      if (!pool) return;
      await pool.ask(configuration(parts, listeners.places));
      if (settings().workers !== count) pool.resize((count = settings().workers));
    },
    async stop(graceMs) {
      await Promise.all([listeners.close(graceMs), pool?.stop(graceMs)]);
      workers?.stopSharing();
      await door?.stop();
    },
  };
}

function passedOnTo(server: Server): RequestListener {
  return (request, response) => server.passedOn(request, response, takePeerField(request));
}

/** Where a zone has limits, its clients are counted: the connections of one go to the same worker. */
function giveTo(pool: WorkerPool, settings: () => Settings, parts: Pick<ListenerParts, 'isTrustedProxy'>) {
  const clientOf = clientFinder(settings);
  function countedAs(socket: Socket): string | undefined {
    if (parts.isTrustedProxy(socket)) return undefined; // who its clients are is not known yet
    const { zone, key } = clientOf({ socket, headers: {} });
    const { rate, client } = settings().zones.get(zone)?.limits ?? NO_LIMITS;
    return [rate, client.rate, client.connections, client.requests].some((limit) => limit !== null) ? key : undefined;
  }
  return (socket: Socket, place: string): void => pool.handOver(socket, place, countedAs(socket));
}

interface PoolParts {
  readonly server: Server;
  /** Of the main process. */
  readonly shares: OwnShares;
  readonly places: () => NamedPlace[];
}

/** Zones are shared among the processes until `stopSharing` is called. */
function createPool(
  parts: ServingParts,
  { server, shares, places }: PoolParts,
): { readonly pool: WorkerPool; stopSharing(): void } {
  const { settings, trees, hashes, statistics, layout, log } = parts;
  const treesOf = (mirror: string): Order => ({ kind: 'trees', mirror, trees: trees.get(mirror) ?? null });
  const ledger = new ZoneLedger<object>();
  const pool = new WorkerPool({
    ...{ log, clock: () => parts.clock() },
    start: (events) => startWorkerProcess(WORKER_FILE, { [CHILD_MARK]: layout.data }, events),
    orders: () => [configuration(parts, places()), ...[...trees.mirrors()].map(treesOf)],
    heard(message, worker) {
      if (message.kind === 'counted') statistics.absorb(message.increments);
      if (message.kind === 'used') ledger.heard(worker, message.uses, performance.now());
    },
  });
  function shareZones(): void {
    const { zones } = settings();
    if (![...zones.values()].some(({ limits }) => limits.rate !== null || limits.connections !== null)) return;
    ledger.heard(server, server.drainUses(), performance.now());
    const workers = pool.hearing;
    const [own = [], ...others] = ledger.shares(zones, [server, ...workers]);
    shares.told(own);
    for (const [index, worker] of workers.entries()) worker.tell({ kind: 'shares', shares: others[index] ?? [] });
  }
  const sharing = setInterval(shareZones, USES_EVERY_MS).unref();
  trees.follow((mirror) => pool.ask(treesOf(mirror)));
  hashes.onKnown((mirror, segments) => pool.tell({ kind: 'hashed', mirror, segments }));
  return { pool, stopSharing: () => clearInterval(sharing) };
}

function configuration({ settings, layout }: ServingParts, places: readonly NamedPlace[]): Order {
  return { kind: 'configure', configuration: { settings: settings(), data: layout.data, places } };
}
