import type { Socket } from 'node:net';
import type { WorkerEvents, WorkerProcess } from '../../platform/worker-process.js';
import type { FromWorker, Order, ToWorker } from './messages.js';

/** A connection that has been taken, and where. */
export interface Taken {
  readonly socket: Socket;
  readonly place: string;
  /** Whose it is, where that decides who serves it. */
  readonly client?: string | undefined;
}

export interface PoolWorkerOptions {
  readonly start: (events: WorkerEvents) => WorkerProcess;
  /** What it is told first; asked when it hears. */
  readonly orders: () => readonly Order[];
  readonly heard: (message: FromWorker) => void;
  readonly ended: (how: string) => void;
  /** Told of a worker that is killed because it does not answer. */
  readonly silent: () => void;
}

/** Milliseconds that a worker has to do what it is told; one that has just been started has longer. */
const ANSWER_MS = 5_000;
const START_MS = 60_000;

/** One worker, from its start to its end. */
export class PoolWorker {
  /** Places whose connections it can be given. */
  places: ReadonlySet<string> = new Set();
  isReady = false;
  isLeaving = false;
  readonly pid: number;
  /** Resolves when it has done all that it was told first, false where it has ended before. */
  readonly ready: Promise<boolean>;
  readonly ended: Promise<void>;
  readonly #process: WorkerProcess;
  readonly #waiting = new Map<number, () => void>();
  /** Connections that have not left this process yet. */
  readonly #unsent = new Set<Taken>();
  #hears = false;
  #lastId = 0;

  constructor(private readonly options: PoolWorkerOptions) {
    let becomeReady: (isReady: boolean) => void = () => {};
    let end: () => void = () => {};
    this.ready = new Promise((resolve) => (becomeReady = resolve));
    this.ended = new Promise((resolve) => (end = resolve));
    const timer = setTimeout(() => this.#giveUp(), START_MS);
    const load = async (): Promise<void> => {
      this.#hears = true;
      await Promise.all(this.options.orders().map((order) => this.ask(order, START_MS)));
      clearTimeout(timer);
      becomeReady((this.isReady = this.#hears));
    };
    this.#process = options.start({
      message: (message) => this.#hear(message as FromWorker, () => void load()),
      ended: (how) => {
        clearTimeout(timer);
        this.isReady = this.#hears = false;
        for (const resolve of [...this.#waiting.values()]) resolve();
        becomeReady(false);
        end();
        options.ended(how);
      },
    });
    this.pid = this.#process.pid;
  }

  /** Resolves when it has done so, or has ended. One that does not hear yet is told when it does. */
  async ask(order: Order, limitMs = ANSWER_MS): Promise<void> {
    if (!this.#hears) return;
    const id = ++this.#lastId;
    const timer = setTimeout(() => this.#giveUp(), limitMs);
    await new Promise<void>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#send({ kind: 'order', id, order });
    });
    clearTimeout(timer);
    this.#waiting.delete(id);
    if (order.kind === 'configure') this.places = new Set(order.configuration.places.map(({ key }) => key));
  }

  tell(message: ToWorker): void {
    if (this.#hears) this.#send(message);
  }

  handOver(taken: Taken): void {
    this.#unsent.add(taken);
    const message: ToWorker = { kind: 'connection', place: taken.place };
    this.#process.send(message, taken.socket, () => this.#unsent.delete(taken));
  }

  /** Connections that it was to be given and has not got. */
  takeBack(): Taken[] {
    const taken = [...this.#unsent];
    this.#unsent.clear();
    return taken;
  }

  kill(): void {
    this.#process.kill();
  }

  #hear(message: FromWorker, load: () => void): void {
    if (message.kind === 'up') load();
    else if (message.kind === 'done') this.#waiting.get(message.id)?.();
    else this.options.heard(message);
  }

  #send(message: ToWorker): void {
    this.#process.send(message);
  }

  #giveUp(): void {
    this.options.silent();
    this.kill();
  }
}
