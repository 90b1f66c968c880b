import type { Logger } from 'pino';
import { messageOf } from '../../core/errors.js';
import type { Child, ChildEnd } from '../../platform/child.js';

export interface SupervisorParts {
  /** Starts the daemon; resolves when it answers. */
  readonly start: () => Promise<Child>;
  readonly log: Pick<Logger, 'info' | 'error'>;
  readonly clock: () => number;
}

const FIRST_BACK_OFF_MS = 1_000;
const MOST_BACK_OFF_MS = 60_000;
/** A daemon that has run for so long is not one that ends at each start. */
const SETTLED_MS = 60_000;

/** Keeps one daemon running: started again when it ends, later each time. */
export class Supervisor {
  #child: Child | null = null;
  /** What is being started again now. */
  #starting: Promise<void> | null = null;
  #restart: NodeJS.Timeout | undefined;
  #backOff = FIRST_BACK_OFF_MS;
  #trouble: string | null = null;
  #restarts = 0;
  #isWanted = false;

  constructor(private readonly parts: SupervisorParts) {}

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }
  /** Why it does not run and what happens next, as a sentence; null while it runs. */
  get trouble(): string | null {
    return this.#trouble;
  }
  /** How often it has ended by itself. */
  get restarts(): number {
    return this.#restarts;
  }

  /** @throws what `start` throws, and then it is not tried again */
  async run(): Promise<void> {
    this.#isWanted = true;
    try {
      await this.#start();
    } catch (error) {
      this.#isWanted = false;
      throw error;
    }
  }

  /** Ends it, to be started again after a while. */
  giveUp(because: string): void {
    void this.#child?.end(because, 0);
  }

  async stop(): Promise<void> {
    this.#isWanted = false;
    clearTimeout(this.#restart);
    await this.#starting;
    const child = this.#child;
    this.#child = null;
    this.#trouble = null;
    await child?.end('no longer needed', 2000);
  }

  async #start(): Promise<void> {
    const { start, clock } = this.parts;
    const child = await start();
    const started = clock();
    this.#child = child;
    this.#trouble = null;
    void child.ended.then((end) => {
      if (this.#child !== child) return;
      this.#child = null;
      this.#restarts++;
      if (clock() - started > SETTLED_MS) this.#backOff = FIRST_BACK_OFF_MS;
      if (this.#isWanted) this.#tryLater(`ended (${howItEnded(end)})`);
    });
  }

  #tryLater(what: string): void {
    const wait = this.#backOff;
    this.#backOff = Math.min(2 * wait, MOST_BACK_OFF_MS);
    this.#trouble = `The rsync daemon ${what}; it is started again within ${Math.ceil(wait / 1000)} s.`;
    this.parts.log.error(this.#trouble);
    this.#restart = setTimeout(() => {
      this.#starting = this.#start().then(
        () => this.parts.log.info('the rsync daemon was started again'),
        (error: unknown) => {
          if (this.#isWanted) this.#tryLater(`could not be started: ${messageOf(error)}`);
        },
      );
    }, wait);
  }
}

function howItEnded({ code, signal, stderr, endedBecause }: ChildEnd): string {
  return endedBecause ?? [signal ?? `exit ${code}`, stderr.trim().split('\n').at(-1)].filter(Boolean).join(': ');
}
