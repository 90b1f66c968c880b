import type { Settings } from '../config/settings.js';
import { FileHashes } from '../content/file-hashes.js';
import { Layout } from '../content/layout.js';
import { PublishedTrees } from '../content/published-trees.js';
import type { RawName } from '../core/tree-path.js';
import { createLog } from '../platform/log.js';
import { packageVersion } from '../platform/package-root.js';
import { mainProcess } from '../platform/worker-process.js';
import { AccessLog } from '../server/access-log.js';
import { HandedListeners } from '../server/listening/handed-listeners.js';
import type { ZoneUse } from '../server/limits/admission.js';
import { Statistics } from '../server/statistics/statistics.js';
import type { FromWorker, Order, ToWorker, WorkerConfiguration } from '../server/workers/messages.js';
import { passOnTo } from '../server/workers/pass-on.js';
import { createWorkerServer } from '../server/workers/worker-server.js';
import { OwnShares, USES_EVERY_MS } from '../server/workers/zone-ledger.js';
import { openStoreToRead } from '../store/open.js';
import { listenerParts } from './listeners.js';

/** How often it is told what was counted; who dies takes what came since. */
const COUNTS_EVERY_MS = 1_000;

type HashListener = (mirror: string, segments: readonly RawName[]) => void;

const main = mainProcess();
const log = createLog(process.env['MILLPOND_LOG'] ?? 'info');
const trees = new PublishedTrees();
const statistics = new Statistics();
const accessLog = new AccessLog({ log });
const hashListeners: HashListener[] = [];
let settings: Settings | undefined;
let parts: { readonly listeners: HandedListeners; drainUses(): ZoneUse[] } | undefined;
const shares = new OwnShares(ownSettings, () => ownSettings().workers + 1);

main.onMessage((message, socket) => {
  const heard = message as ToWorker;
  if (heard.kind === 'order') void follow(heard.id, heard.order);
  else if (heard.kind === 'connection') void (socket && parts?.listeners.take(heard.place, socket));
  else if (heard.kind === 'hashed') for (const listener of hashListeners) listener(heard.mirror, heard.segments);
  else if (heard.kind === 'shares') shares.told(heard.shares);
  else if (heard.kind === 'reopen') accessLog.reopen();
  else if (heard.kind === 'cut') parts?.listeners.cut();
  else void leave(heard.idleMs);
});
await tell({ kind: 'up' });
setInterval(() => void tellCounts(), COUNTS_EVERY_MS);
setInterval(tellUses, USES_EVERY_MS);

/** One that cannot do what it is told ends: another one takes its place. */
async function follow(id: number, order: Order): Promise<void> {
  try {
    if (order.kind === 'trees') trees.set(order.mirror, order.trees);
    else await configure(order.configuration);
    await tell({ kind: 'done', id });
  } catch (error) {
    log.error({ err: error }, 'a worker cannot do what it was told');
    process.exit(1);
  }
}

async function configure(configuration: WorkerConfiguration): Promise<void> {
  settings = configuration.settings;
  accessLog.apply(settings.accessLog);
  parts ??= createParts(new Layout(configuration.data));
  await parts.listeners.apply(configuration.places);
}

function ownSettings(): Settings {
  if (!settings) throw new Error('a worker serves when it was told how');
  return settings;
}

/** All that is made once, when the first settings are there. */
function createParts(layout: Layout): NonNullable<typeof parts> {
  const store = openStoreToRead(layout.stateDb);
  const clock = Date.now;
  const hashes = new FileHashes({ store, log, clock });
  const server = createWorkerServer(
    {
      ...{ settings: ownSettings, store, trees, statistics, accessLog, log, version: packageVersion(), clock },
      hashes: {
        sha256: (file) => hashes.sha256(file),
        onKnown: (listener) => void hashListeners.push(listener),
      },
    },
    { passOn: passOnTo(layout.workersSocket, log), shared: shares },
  );
  const listeners = new HandedListeners(listenerParts(server, ownSettings, log));
  return { listeners, drainUses: server.drainUses };
}

async function leave(idleMs: number): Promise<void> {
  await parts?.listeners.leave(idleMs);
  await tellCounts();
  await accessLog.stop();
  process.exit();
}

async function tellCounts(): Promise<void> {
  const increments = statistics.drain();
  if (increments.hours.length + increments.tops.length > 0) await tell({ kind: 'counted', increments });
}

function tellUses(): void {
  const uses = parts?.drainUses() ?? [];
  if (uses.length > 0) void tell({ kind: 'used', uses });
}

function tell(message: FromWorker): Promise<void> {
  return main.send(message);
}
