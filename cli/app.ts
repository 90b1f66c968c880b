import { loadSettings } from '../config/load.js';
import type { Settings } from '../config/settings.js';
import { FileHashes } from '../content/file-hashes.js';
import { HashAhead } from '../content/hash-ahead.js';
import { Layout } from '../content/layout.js';
import { PublishedTrees } from '../content/published-trees.js';
import { reconcile, type ReconcileOptions } from '../content/reconcile.js';
import { createLog, type Log } from '../platform/log.js';
import { packageVersion } from '../platform/package-root.js';
import { endProcesses, processesWithEnvironment } from '../platform/processes.js';
import { AccessLog } from '../server/access-log.js';
import { openControlSocket, type ControlSocket } from '../server/control-socket.js';
import { createControlHandler, type ControlDeps } from '../server/control.js';
import type { StatusDeps } from '../server/mirror-status.js';
import { followFrontLog, type FrontLogParts } from '../server/front/front-log.js';
import { countTransfers } from '../server/rsync-daemon/count-transfers.js';
import { RsyncDaemon, type RsyncDaemonParts } from '../server/rsync-daemon/rsync-daemon.js';
import { StateHistory, type StateHistoryOptions } from '../server/state-history.js';
import { StatisticsKeeper, type KeeperOptions } from '../server/statistics/keeper.js';
import { Statistics } from '../server/statistics/statistics.js';
import { StatusBoard } from '../server/status-board.js';
import { lockDataFolder } from '../store/lock.js';
import { openStore } from '../store/open.js';
import { SyncEngine, type SyncEngineOptions } from '../sync/engine.js';
import { MarkerWatch, type MarkerWatchOptions } from '../sync/markers/marker-watch.js';
import { CHILD_MARK } from '../sync/runs/upstream-request.js';
import { explainDataFolder, openDataFolder } from './data-folder.js';
import { openGuides, type Guides } from './guides.js';
import { openImages } from './images.js';
import { tellMissingKeyrings } from './missing-keyrings.js';
import { reloader } from './reload.js';
import { createServing, type Serving } from './serving.js';

export interface AppOptions {
  readonly configFile: string;
  /**
   * Starts what must run beside the program, once the data folder is ours and no process of an earlier program is
   * left; it is stopped last. `env` marks its processes as belonging to the data folder.
   */
  readonly companion?: (env: Readonly<Record<string, string>>) => Promise<{ stop(): Promise<void> }>;
}

export interface App {
  /** Base URLs, with the ports that were really taken. */
  readonly addresses: readonly string[];
  /** No new connections; downloads get their grace, runs are ended and go on at the next start. */
  stop(): Promise<void>;
  /** @throws MillpondError invalid, and then nothing has changed */
  reload(): Promise<{ changed: string[] }>;
  /** Opens the access log by its name again, after it was moved away. */
  reopenLogs(): void;
}

/** What has to be taken back when the start fails, in reverse order. */
type Undo = (() => Promise<void> | void)[];

const ORPHAN_GRACE_MS = 5_000;

/** Puts the program together and starts it: the only place that knows all parts. @throws MillpondError */
export async function startApp(options: AppOptions): Promise<App> {
  const undo: Undo = [];
  try {
    return await start(options, undo);
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

async function start(options: AppOptions, undo: Undo): Promise<App> {
  let settings = loadSettings(options.configFile);
  const log = createLog(process.env['MILLPOND_LOG'] ?? 'info');
  const clock = Date.now;
  tellMissingKeyrings(settings, log);
  const disk = await openDisk(options, { settings, log, clock }, undo);
  const { store, layout, trees } = disk;
  const images = await openImages({ settings: () => settings, store, layout, clock, log });
  undo.push(() => images.stop());
  const engine = openEngine({ settings, store, layout, trees, log, clock, images: images.services }, undo);
  const markers = openMarkerWatch({ settings: () => settings, store, layout, clock, log }, engine, undo);
  const statistics = openStatistics({ store, clock, log }, settings, undo);
  const frontLog = openFrontLog({ settings: () => settings, statistics: statistics.counts, clock, log }, layout, undo);
  const common = { settings: () => settings, store, layout, trees, log, clock };
  const hashes = openHashes(common, undo);
  const guides = openGuides({ ...common, plainUrls: () => serving.listeners.plainUrls }, undo);
  const rsync = openRsyncDaemon(common, statistics.counts, undo);
  const states = openStates({ ...common, engine }, undo);
  let ready = false;
  const serverDeps = {
    ...{ ...common, engine, board: states.board, version: packageVersion() },
    ...{ hashes: hashes.parts, images: images.parts, imageStatistics: images.statistics, imagePulls: images.pulls },
    ...{ statistics: statistics.counts, accessLog: statistics.accessLog },
    ...{ ...guides.parts, rsync: () => rsync.view(), ready: () => ready },
  };
  const serving = createServing(serverDeps);
  undo.push(() => serving.stop(0));
  const addresses = await serving.listen();
  await rsync.listen(settings.listen.rsync);

  const reload = reloader({
    ...{ configFile: options.configFile, reconcileWith: disk.reconcileWith, log },
    ...{ engine, markers, images, serving, rsync },
    ...{ accessLog: statistics.accessLog, settings: () => settings },
    use: (next) => {
      settings = next;
      hashes.ahead.lookAgain();
      guides.apply();
    },
  });
  const controls = { engine, reload, workers: serving.pool, imageControls: images.controls };
  const control = await openControl({ ...serverDeps, ...controls }, undo);
  for (const part of [engine, states, markers, images, hashes.ahead, guides]) part.start();
  ready = true;

  const reopenLogs = (): void => reopen(statistics, serving);
  const parts = {
    ...{ serving, rsync, frontLog, engine, states, markers, control },
    ...{ images, hashes, guides, statistics, disk },
  };
  const stop = stopper(parts, () => {
    ready = false;
    return settings.grace * 1000;
  });
  return { addresses, reload, reopenLogs, stop };
}

/** Opens the access log by its name again, here and in the workers. */
function reopen({ accessLog }: { accessLog: AccessLog }, { pool }: Serving): void {
  accessLog.reopen();
  pool?.tell({ kind: 'reopen' });
}

/** What is stopped, in the order in which the parts need each other. */
interface Stoppable {
  readonly serving: Serving;
  readonly rsync: RsyncDaemon;
  readonly frontLog: { stop(): Promise<void> };
  readonly engine: SyncEngine;
  readonly markers: MarkerWatch;
  readonly states: { stop(): void };
  readonly control: { stop(): Promise<void> };
  readonly images: { stop(): Promise<void> };
  readonly hashes: { stop(): Promise<void> };
  readonly guides: Guides;
  readonly statistics: { stop(): Promise<void> };
  readonly disk: Awaited<ReturnType<typeof openDisk>>;
}

/** `begin` is called first, and tells the milliseconds that downloads get to finish. However often it is called, it stops once. */
function stopper(parts: Stoppable, begin: () => number): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  async function stop(): Promise<void> {
    const { serving, rsync, frontLog, engine, states, markers, control, images, hashes, guides, statistics, disk } =
      parts;
    const graceMs = begin();
    serving.server.stop();
    await Promise.all([serving.stop(graceMs), rsync.close(graceMs), engine.stop(), markers.stop()]);
    states.stop();
    await frontLog.stop();
    await control.stop();
    await images.stop();
    await hashes.stop();
    await guides.stop();
    await serving.server.ended();
    await statistics.stop();
    disk.store.close();
    await disk.companion?.stop();
    disk.lock.release();
  }
  return () => (stopping ??= stop());
}

/** What is counted and logged of all that is served, and what writes it down. */
function openStatistics(parts: Omit<KeeperOptions, 'statistics'>, { accessLog: settings }: Settings, undo: Undo) {
  const accessLog = new AccessLog(parts);
  accessLog.apply(settings);
  const counts = new Statistics();
  const keeper = new StatisticsKeeper({ ...parts, statistics: counts });
  keeper.start();
  async function stop(): Promise<void> {
    keeper.stop();
    await accessLog.stop();
  }
  undo.push(stop);
  return { counts, accessLog, stop };
}

/** What reads the markers of upstreams between runs. */
function openMarkerWatch(
  parts: Omit<MarkerWatchOptions, 'random' | 'runsAt' | 'isRunning'>,
  engine: SyncEngine,
  undo: Undo,
): MarkerWatch {
  const watch = new MarkerWatch({
    ...{ ...parts, random: Math.random },
    runsAt: (hostKey) => engine.runsAt(hostKey),
    isRunning: (mirror) => engine.activity(mirror).running !== null,
  });
  undo.push(() => watch.stop());
  return watch;
}

function openEngine(parts: Omit<SyncEngineOptions, 'random'>, undo: Undo): SyncEngine {
  const engine = new SyncEngine({ ...parts, random: Math.random });
  undo.push(() => engine.stop());
  return engine;
}

/** Where the command line reaches the program. */
async function openControl(deps: ControlDeps, undo: Undo): Promise<ControlSocket> {
  const control = await openControlSocket(deps.layout.controlSocket, createControlHandler(deps));
  undo.push(() => control.stop());
  return control;
}

/** The states of all mirrors, and what writes down when each was in which. */
function openStates(parts: Omit<StateHistoryOptions, 'board'> & StatusDeps, undo: Undo) {
  const board = new StatusBoard(parts);
  const history = new StateHistory({ ...parts, board });
  undo.push(() => history.stop());
  return { board, start: () => history.start(), stop: () => history.stop() };
}

/** What computes hashes of published files: for clients that ask, and ahead for large files. */
function openHashes(
  { settings, ...parts }: Omit<ReconcileOptions, 'log'> & { settings: () => Settings; log: Log },
  undo: Undo,
) {
  const hashes = new FileHashes(parts);
  const ahead = new HashAhead({
    ...{ ...parts, hashes, mirrors: () => settings().mirrors.keys() },
    settings: () => ({ over: settings().files.hashOver, rate: settings().files.hashRate }),
  });
  async function stop(): Promise<void> {
    await ahead.stop();
    await hashes.stop();
  }
  undo.push(stop);
  return { parts: hashes, ahead, stop };
}

/** What counts files that a server in front has served. */
function openFrontLog(parts: Omit<FrontLogParts, 'place'>, layout: Layout, undo: Undo): { stop(): Promise<void> } {
  const follower = followFrontLog({ ...parts, place: layout.frontLogPlace });
  undo.push(() => follower.stop());
  return follower;
}

/** What serves the trees over rsync, where the settings say so; it ends with the program. */
function openRsyncDaemon(
  parts: Omit<RsyncDaemonParts, 'env' | 'onTransfer'>,
  statistics: Statistics,
  undo: Undo,
): RsyncDaemon {
  const env = { [CHILD_MARK]: parts.layout.data };
  const daemon = new RsyncDaemon({ ...parts, env, onTransfer: countTransfers({ ...parts, statistics }) });
  undo.push(() => daemon.close(0));
  return daemon;
}

/** The data folder and all that is in it, for this program alone; records and disk agree. */
async function openDisk(
  { companion: startCompanion }: AppOptions,
  { settings, log, clock }: { settings: Settings; log: Log; clock: () => number },
  undo: Undo,
) {
  const data = await openDataFolder(settings.data);
  const layout = new Layout(data);
  const lock = lockDataFolder(layout.lockDb, data);
  undo.push(() => lock.release());
  await endOrphans(data, log);
  const companion = await startCompanion?.({ [CHILD_MARK]: data });
  if (companion) undo.push(() => companion.stop());
  const store = openStore(layout.stateDb);
  undo.push(() => store.close());
  const trees = new PublishedTrees();
  const reconcileWith = { store, layout, trees, clock, log };
  await reconcile(reconcileWith, settings.mirrors.keys()).catch((error: unknown) => {
    throw explainDataFolder(data, error);
  });
  return { layout, lock, companion, store, trees, reconcileWith };
}

/** Processes of a program that was killed would write into the trees; the lock says that it is gone. */
async function endOrphans(data: string, log: Log): Promise<void> {
  const find = (): Promise<number[]> => processesWithEnvironment(CHILD_MARK, data);
  const ended = await endProcesses(find, ORPHAN_GRACE_MS);
  if (ended.length > 0) log.warn({ pids: ended }, 'processes of a program that was killed were ended');
}
