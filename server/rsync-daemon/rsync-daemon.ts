import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { RsyncDaemonSettings, Settings } from '../../config/settings.js';
import type { Layout } from '../../content/layout.js';
import type { PublishedTrees } from '../../content/published-trees.js';
import { messageOf } from '../../core/errors.js';
import { replaceFile } from '../../platform/atomic-write.js';
import type { Child } from '../../platform/child.js';
import { openFifo, type Fifo } from '../../platform/fifo.js';
import { RsyncConnections } from './connections.js';
import { startRsyncProcess } from './rsync-process.js';
import { rsyncdConf, type RsyncModule } from './rsyncd-conf.js';
import { Supervisor } from './supervisor.js';
import { TransferLog, type RsyncTransfer } from './transfer-log.js';
import { networksOfZones } from '../clients/zone-networks.js';

export interface RsyncDaemonParts {
  readonly layout: Layout;
  readonly trees: PublishedTrees;
  readonly log: Pick<Logger, 'info' | 'error'>;
  readonly clock: () => number;
  /** Added to the environment of the daemon, so that it is found and ended when this program was killed. */
  readonly env: Readonly<Record<string, string>>;
  readonly settings: () => Settings;
  readonly onTransfer: (transfer: RsyncTransfer) => void;
}

/** What is told of the daemon. */
export interface RsyncDaemonView {
  readonly port: number;
  /** Why it does not run and what happens next, as a sentence; null while it runs. */
  readonly trouble: string | null;
  /** Clients that are connected now. */
  readonly connections: number;
  /** How often it has ended by itself. */
  readonly restarts: number;
}

const SWEEP_EVERY_MS = 2_000;
const LOOK_FOR_LAST_EVERY_MS = 100;
const LAST_WORDS = 5;

/**
 * Runs `rsync --daemon` for the published trees. A module leads to the folder of one generation and is led to the next
 * one when that is published, since rsyncd reads its configuration at each connection.
 */
export class RsyncDaemon {
  readonly #supervisor: Supervisor;
  readonly #connections: RsyncConnections;
  /** What may be served of each mirror, as it was told last. */
  readonly #roots = new Map<string, readonly string[]>();
  readonly #words: string[] = [];
  #listens: RsyncDaemonSettings | null = null;
  #pipe: Fifo | null = null;
  /** The configuration as it stands on the disk. */
  #written = '';
  #sweep: NodeJS.Timeout | undefined;
  #isLeaving = false;

  constructor(private readonly parts: RsyncDaemonParts) {
    const { layout, trees, log, clock } = parts;
    this.#supervisor = new Supervisor({ log, clock, start: () => this.#startProcess() });
    this.#connections = new RsyncConnections(() => this.#supervisor.pid, layout.mirrorsFolder);
    trees.subscribe((mirror) => this.#treesChanged(mirror));
  }

  /** Null where trees are not served over rsync. */
  view(): RsyncDaemonView | null {
    if (!this.#listens) return null;
    const { trouble, restarts } = this.#supervisor;
    return { port: this.#listens.address.port, trouble, restarts, connections: this.#connections.count };
  }

  /**
   * Listens there and nowhere else; connections go on unless the address is another one. When the new address cannot
   * be taken, the old one is listened on as before. @throws MillpondError conflict, unavailable, invalid
   */
  async listen(wanted: RsyncDaemonSettings | null): Promise<void> {
    const before = this.#listens;
    if (before && wanted && isDeepStrictEqual(before.address, wanted.address)) {
      this.#listens = wanted;
      return this.refresh();
    }
    await this.#stop();
    if (!wanted) return;
    try {
      await this.#start(wanted);
    } catch (error) {
      await this.#stop();
      if (before) await this.#start(before);
      throw error;
    }
  }

  /** Modules as the settings are now: to be called when those have changed. */
  refresh(): void {
    if (!this.#listens) return;
    try {
      this.#writeConf(this.#listens);
    } catch (error) {
      // the one that stands there leads to a tree that will be written into
      this.#supervisor.giveUp(`its configuration could not be written: ${messageOf(error)}`);
    }
  }

  /** Nobody else is let in; what is being sent gets `graceMs`, then it is cut. */
  async close(graceMs: number): Promise<void> {
    this.#isLeaving = true;
    this.refresh();
    const deadline = Date.now() + graceMs;
    while (this.#connections.count > 0 && Date.now() < deadline) await delay(LOOK_FOR_LAST_EVERY_MS);
    await this.#stop();
  }

  async #start(wanted: RsyncDaemonSettings): Promise<void> {
    this.#listens = wanted;
    const transfers = new TransferLog(this.parts.onTransfer, (line) => this.#heard(line));
    this.#pipe = await openFifo(this.parts.layout.rsyncdLog, (chunk) => transfers.push(chunk));
    await this.#supervisor.run();
    const most = (): number => this.#listens?.maxConnections ?? 0;
    this.#sweep = setInterval(() => this.#connections.sweep(this.parts.clock(), most()), SWEEP_EVERY_MS);
  }

  async #startProcess(): Promise<Child> {
    const listens = this.#listens;
    if (!listens) throw new Error('the rsync daemon has no address'); // it is stopped before that
    this.#words.length = 0;
    this.#writeConf(listens);
    return startRsyncProcess({
      ...listens.address,
      config: this.parts.layout.rsyncdConf,
      env: this.parts.env,
      log: () => this.#words.join('\n'),
    });
  }

  async #stop(): Promise<void> {
    clearInterval(this.#sweep);
    await this.#supervisor.stop();
    await this.#pipe?.close();
    this.#pipe = null;
    this.#listens = null;
    this.#written = '';
  }

  #heard(line: string): void {
    this.#words.push(line);
    if (this.#words.length > LAST_WORDS) this.#words.shift();
  }

  /** At once: what was given up is written into from the next moment on. */
  #treesChanged(mirror: string): void {
    const { trees, layout } = this.parts;
    const served = trees.get(mirror);
    const roots = served ? [served.live, served.previous].flatMap((tree) => tree?.root ?? []) : [];
    const before = this.#roots.get(mirror) ?? [];
    this.#roots.set(mirror, roots);
    this.refresh();
    if (served && before.some((root) => !roots.includes(root)))
      this.#connections.cut({ slots: layout.slotsFolder(mirror), roots });
  }

  #writeConf({ address, maxConnections, idle, checksum }: RsyncDaemonSettings): void {
    const { layout } = this.parts;
    const text = rsyncdConf({
      ...{ ...address, idle, checksum },
      maxConnections: this.#isLeaving ? 0 : maxConnections,
      logFile: layout.rsyncdLog,
      lockFile: layout.rsyncdLock,
      modules: this.#modules(),
    });
    if (text === this.#written) return;
    replaceFile(layout.rsyncdConf, text);
    this.#written = text;
    this.#connections.configurationChanged();
  }

  #modules(): RsyncModule[] {
    const { mirrors, zones } = this.parts.settings();
    return [...mirrors.values()].flatMap(({ name, title, read }): RsyncModule[] => {
      const served = this.parts.trees.get(name);
      const networks = read && networksOfZones(zones.values(), read);
      return served ? [{ name, title, root: served.live.root, networks }] : [];
    });
  }
}
