import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import type { Settings } from '../config/settings.js';
import type { FileHashes } from '../content/file-hashes.js';
import type { Layout } from '../content/layout.js';
import type { PublishedTrees } from '../content/published-trees.js';
import type { Log } from '../platform/log.js';
import { PACKAGE_ROOT } from '../platform/package-root.js';
import { takePassedSockets } from '../platform/systemd-sockets.js';
import { startWorkerProcess } from '../platform/worker-process.js';
import type { Server } from '../server/app.js';
import { openControlSocket, type ControlSocket } from '../server/control-socket.js';
import { HttpListeners } from '../server/listening/listeners.js';
import type { NamedPlace } from '../server/listening/places.js';
import { MAX_HEAD_BYTES } from '../server/listening/request-limits.js';
import type { Statistics } from '../server/statistics/statistics.js';
import type { Order } from '../server/workers/messages.js';
import { takePeerField } from '../server/workers/peer-field.js';
import { WorkerPool } from '../server/workers/pool.js';
import { CHILD_MARK } from '../sync/runs/upstream-request.js';
import { listenerParts } from './listeners.js';

export interface ServingParts {
  readonly server: Pick<Server, 'handler' | 'quick' | 'passedOn'>;
  readonly settings: () => Settings;
  readonly trees: PublishedTrees;
  readonly hashes: Pick<FileHashes, 'onKnown'>;
  readonly statistics: Statistics;
  readonly layout: Layout;
  readonly log: Log;
  readonly clock: () => number;
}

/** What listens, and the workers that serve what comes; without workers, this process does. */
export interface Serving {
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

/** Listens on nothing yet. */
export function createServing(parts: ServingParts): Serving {
  const { server, settings, layout, log } = parts;
  const pool = settings().workers > 0 ? createPool(parts, () => listeners.places) : null;
  const handOver = pool ? pool.handOver.bind(pool) : undefined;
  const listeners: HttpListeners = new HttpListeners(
    { ...listenerParts(server, settings, log), handOver },
    takePassedSockets(process.env, process.pid),
  );
  let count = settings().workers;
  let door: ControlSocket | undefined;
  return {
    ...{ listeners, pool },
    async listen() {
      const addresses = await listeners.apply(settings().listen);
      if (!pool) return addresses;
      door = await openControlSocket(layout.workersSocket, passedOn(parts), DOOR_LIMITS);
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
      await door?.stop();
    },
  };
}

function passedOn({ server }: ServingParts): RequestListener {
  return (request, response) => server.passedOn(request, response, takePeerField(request));
}

function createPool(parts: ServingParts, places: () => NamedPlace[]): WorkerPool {
  const { trees, hashes, statistics, layout, log, clock } = parts;
  const treesOf = (mirror: string): Order => ({ kind: 'trees', mirror, trees: trees.get(mirror) ?? null });
  const pool = new WorkerPool({
    ...{ log, clock },
    start: (events) => startWorkerProcess(WORKER_FILE, { [CHILD_MARK]: layout.data }, events),
    orders: () => [configuration(parts, places()), ...[...trees.mirrors()].map(treesOf)],
    heard(message) {
      if (message.kind === 'counted') statistics.absorb(message.increments);
    },
  });
  trees.follow((mirror) => pool.ask(treesOf(mirror)));
  hashes.onKnown((mirror, segments) => pool.tell({ kind: 'hashed', mirror, segments }));
  return pool;
}

function configuration({ settings, layout }: ServingParts, places: readonly NamedPlace[]): Order {
  return { kind: 'configure', configuration: { settings: settings(), data: layout.data, places } };
}
