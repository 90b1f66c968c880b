import type { Socket } from 'node:net';
import { MillpondError } from '../../core/errors.js';
import type { Log } from '../../platform/log.js';
import type { WorkerEvents, WorkerProcess } from '../../platform/worker-process.js';
import type { FromWorker, Order, ToWorker } from './messages.js';
import { PoolWorker, type Taken } from './pool-worker.js';

export interface WorkerPoolOptions {
  readonly start: (events: WorkerEvents) => WorkerProcess;
  /** What a worker is told before it is given connections. */
  readonly orders: () => readonly Order[];
  readonly heard: (message: FromWorker, worker: PoolWorker) => void;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** What is told of a worker. */
export interface WorkerStatus {
  readonly pid: number;
  /** `leaving`: it takes no more connections and ends with its last download. */
  readonly state: 'starting' | 'serving' | 'leaving';
}

/** Numbers of workers. */
export interface WorkersView {
  readonly serving: number;
  readonly leaving: number;
  /** That have ended by themselves since the program began. */
  readonly deaths: number;
}

/** Connections that wait for a worker while there is none; more are closed. */
const MOST_WAITING = 1_024;
/** A worker that lived longer did not die of its start. */
const LONG_LIFE_MS = 60_000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 30_000;
/** Deaths soon after a start, one after the other, from which on they are an error. */
const KEEPS_DYING = 3;
/** For each worker, so many of earlier restarts may still be serving downloads. */
const MOST_LEAVING = 4;
/** Milliseconds in which clients that keep connections are told to open others, before these are closed. */
const IDLE_MS = 2_000;
/** What is cut has so long to tell what it has counted, milliseconds. */
const LAST_WORDS_MS = 2_000;

/** The workers: each is given connections in turn, and one that dies is replaced. */
export class WorkerPool {
  #deaths = 0;
  readonly #workers = new Set<PoolWorker>();
  #waiting: Taken[] = [];
  #turn = 0;
  #count = 0;
  #diedEarly = 0;
  #refill: NodeJS.Timeout | undefined;
  #isRestarting = false;
  #isStopping = false;

  constructor(private readonly options: WorkerPoolOptions) {}

  /** Resolves when `count` workers serve. @throws MillpondError unavailable */
  async start(count: number): Promise<void> {
    this.#count = count;
    const started = Array.from({ length: count }, () => this.#launch());
    const ready = await Promise.all(started.map((worker) => worker.ready));
    if (ready.includes(false))
      throw new MillpondError('unavailable', 'a worker has ended before it could serve', {
        hint: 'The log says why. Without workers (workers: 0) the main process serves.',
      });
  }

  get status(): WorkerStatus[] {
    return [...this.#workers].map(({ pid, isReady, isLeaving }) => ({
      pid,
      state: isLeaving ? 'leaving' : isReady ? 'serving' : 'starting',
    }));
  }

  get view(): WorkersView {
    const states = this.status.map(({ state }) => state);
    const count = (wanted: WorkerStatus['state']): number => states.filter((state) => state === wanted).length;
    return { serving: count('serving'), leaving: count('leaving'), deaths: this.#deaths };
  }

  /** All that hear, those that are leaving with them. */
  get hearing(): PoolWorker[] {
    return [...this.#workers].filter(({ isReady }) => isReady);
  }

  /**
   * Gives a connection that was taken at `place`, and from which nothing was read, to a worker: those of one `client` to
   * the same one, others in turn.
   */
  handOver(socket: Socket, place: string, client?: string): void {
    this.#give({ socket, place, client });
  }

  /** Resolves when all workers have done so. One that does not in time is killed, and replaced by one that has. */
  async ask(order: Order): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.ask(order)));
    this.#giveWaiting();
  }

  tell(message: ToWorker): void {
    for (const worker of this.#workers) worker.tell(message);
  }

  /** From now on there are `count`, at least one. */
  resize(count: number): void {
    this.#count = count;
    this.#fill();
    for (const worker of this.#serving().slice(count)) this.#retire(worker);
  }

  /**
   * Replaces all workers, one after the other: each has a successor that serves before it takes no more connections, and
   * ends with its last download. Returns how many were replaced. @throws MillpondError conflict, unavailable
   */
  async restart(): Promise<number> {
    if (this.#isRestarting) throw new MillpondError('conflict', 'the workers are being restarted already');
    const leaving = this.status.filter(({ state }) => state === 'leaving').length;
    if (leaving >= MOST_LEAVING * this.#count)
      throw new MillpondError('conflict', `${leaving} workers of earlier restarts still serve downloads`, {
        hint: 'Try again when some of these have ended.',
      });
    this.#isRestarting = true;
    try {
      const before = this.#serving();
      for (const [index, worker] of before.entries()) await this.#succeed(worker, index, before.length);
      return before.length;
    } finally {
      this.#isRestarting = false;
    }
  }

  /** Workers get `graceMs` to finish what they serve, then they are cut. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#refill);
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
    for (const worker of this.#workers) this.#retire(worker, 0);
    const cut = setTimeout(() => this.tell({ kind: 'cut' }), graceMs);
    const kill = setTimeout(() => this.#workers.forEach((worker) => worker.kill()), graceMs + LAST_WORDS_MS);
    await Promise.all([...this.#workers].map(({ ended }) => ended));
    clearTimeout(cut);
    clearTimeout(kill);
  }

  #serving(): PoolWorker[] {
    return [...this.#workers].filter(({ isLeaving }) => !isLeaving);
  }

  async #succeed(worker: PoolWorker, done: number, all: number): Promise<void> {
    const isReady = await this.#launch().ready;
    if (!isReady)
      throw new MillpondError('unavailable', `a new worker has ended before it could serve`, {
        hint: `${done} of ${all} workers were restarted, the others go on. The log says why.`,
      });
    this.#retire(worker);
  }

  #retire(worker: PoolWorker, idleMs = IDLE_MS): void {
    worker.isLeaving = true;
    worker.tell({ kind: 'leave', idleMs });
    if (!worker.isReady) worker.kill();
  }

  #launch(): PoolWorker {
    const { start, orders, heard, log, clock } = this.options;
    const startedAt = clock();
    const worker: PoolWorker = new PoolWorker({
      ...{ start, orders },
      heard: (message) => heard(message, worker),
      silent: () => log.error({ worker: worker.pid }, 'a worker did not do in time what it was told, and is replaced'),
      ended: (how) => {
        this.#workers.delete(worker);
        for (const taken of worker.takeBack()) this.#give(taken);
        if (!worker.isLeaving && !this.#isStopping) this.#replace(worker, how, clock() - startedAt);
      },
    });
    this.#workers.add(worker);
    void worker.ready.then(() => this.#giveWaiting());
    return worker;
  }

  #replace({ pid }: PoolWorker, how: string, lifeMs: number): void {
    this.#deaths++;
    this.#diedEarly = lifeMs < LONG_LIFE_MS ? this.#diedEarly + 1 : 0;
    const doubled = FIRST_DELAY_MS * 2 ** (this.#diedEarly - 1);
    const delayMs = this.#diedEarly <= 1 ? 0 : Math.min(doubled, LONGEST_DELAY_MS);
    const level = this.#diedEarly >= KEEPS_DYING ? 'error' : 'warn';
    this.options.log[level]({ worker: pid, how, early: this.#diedEarly, delayMs }, 'a worker has died and is replaced');
    clearTimeout(this.#refill);
    this.#refill = setTimeout(() => this.#fill(), delayMs);
  }

  #fill(): void {
    if (this.#isStopping) return;
    for (let missing = this.#count - this.#serving().length; missing > 0; missing--) this.#launch();
  }

  #give(taken: Taken): void {
    const able = this.#serving().filter(({ isReady, places }) => isReady && places.has(taken.place));
    const turn = taken.client === undefined ? this.#turn++ : hashOf(taken.client);
    const worker = able[turn % able.length];
    if (worker) worker.handOver(taken);
    else if (this.#waiting.length < MOST_WAITING && !this.#isStopping) this.#waiting.push(taken);
    else taken.socket.destroy();
  }

  #giveWaiting(): void {
    for (const taken of this.#waiting.splice(0)) this.#give(taken);
  }
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
