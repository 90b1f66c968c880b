import type { EngineEvent } from '../core/engine.js';
import { messageOf } from '../core/errors.js';
import type { VerdictWord } from '../core/verdict-words.js';
import type { Store } from '../store/open.js';
import type { MirrorStatus, StatusDeps } from './mirror-status.js';
import { DECIDED_FOR_MS, type StatusBoard } from './status-board.js';

export interface StateHistoryOptions extends Pick<StatusDeps, 'engine' | 'clock'> {
  readonly store: Pick<Store, 'verdicts' | 'lightTransaction'>;
  readonly board: StatusBoard;
  readonly log: { warn(fields: object, message: string): void };
}

/** Every fetch passes through these: they are what a mirror does, and its state goes on meanwhile. */
const PASSING: ReadonlySet<VerdictWord> = new Set(['queued', 'running']);

/** Writes down when a mirror comes into another state. It keeps the board up to date as well, so that nobody waits for it. */
export class StateHistory {
  /** The last recorded word of each mirror. */
  readonly #last = new Map<string, VerdictWord | null>();
  #stopFollowing: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #isWarned = false;

  constructor(private readonly options: StateHistoryOptions) {}

  /** Looks at once, then whenever there may be something new, and as soon as the clock may have brought something about. */
  start(): void {
    this.#stopFollowing = this.options.engine.subscribe((event) => this.#heard(event));
    this.look();
    this.#lookLater();
  }

  stop(): void {
    this.#stopFollowing();
    clearTimeout(this.#timer);
  }

  /** Looks at all mirrors. */
  look(): void {
    this.#record(() => this.options.board.all());
  }

  /** When the board would decide all anew: then it has done so before anybody asks. */
  #lookLater(): void {
    const wait = DECIDED_FOR_MS - (this.options.clock() % DECIDED_FOR_MS);
    this.#timer = setTimeout(() => {
      this.look();
      this.#lookLater();
    }, wait);
    this.#timer.unref();
  }

  #heard(event: EngineEvent): void {
    if (event.type === 'run.progress') return;
    this.#record(() => {
      const status = this.options.board.get(event.mirror);
      return status ? [status] : [];
    });
  }

  #record(statusesNow: () => readonly MirrorStatus[]): void {
    const { store, clock } = this.options;
    try {
      const changed = statusesNow().filter(({ name, verdict }) => this.#isNew(name, verdict.word));
      if (changed.length === 0) return;
      const at = clock();
      // after a power cut the next look finds the state again
      store.lightTransaction(() => {
        for (const { name, verdict } of changed)
          store.verdicts.add({ mirror: name, at, word: verdict.word, sentence: verdict.sentence });
      });
      for (const { name, verdict } of changed) this.#last.set(name, verdict.word);
      this.#isWarned = false;
    } catch (error) {
      this.#complain(error);
    }
  }

  #isNew(mirror: string, word: VerdictWord): boolean {
    if (PASSING.has(word)) return false;
    let last = this.#last.get(mirror);
    if (last === undefined) {
      last = this.options.store.verdicts.list(mirror, 1)[0]?.word ?? null;
      this.#last.set(mirror, last);
    }
    return last !== word;
  }

  /** Once until it goes well again: the disk of the database is full, most likely, and each look would say so. */
  #complain(error: unknown): void {
    if (!this.#isWarned)
      this.options.log.warn({ err: error }, `a change of state cannot be recorded yet: ${messageOf(error)}`);
    this.#isWarned = true;
  }
}
