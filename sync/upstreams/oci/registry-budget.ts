import type { Budget } from '../../../core/oci/image-mirror.js';
import { LONGEST_WAIT, parseRateLimit, parseRetryAfter, type BudgetState } from '../../../core/oci/rate-limit.js';
import { RegistryFailure } from './registry-failure.js';
import { parseLimits, type KnownLimits, type SaidLimit } from './registry-limits.js';
import { addPull, countPulls, dropPull, recentPulls, timeOfRoom } from './registry-pulls.js';

/** For whom a request is made: a client that waits, or a sync, which has time. */
export type Urgency = 'sync' | 'on-demand';

/**
 * Where a budget is kept over a restart, and shared with others of the same registry and account. The text is one line
 * that only this file writes and reads.
 */
export interface BudgetMemory {
  /** What was saved last, by whomever; asked often. */
  load(): string | undefined;
  save(text: string): void;
}

export interface RegistryBudgetOptions {
  /** For sentences. */
  readonly registry: string;
  /** What the operator allows; null is no limit. */
  readonly budget: Budget | null;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly memory: BudgetMemory;
}

/** Leave to fetch one manifest, which is given back when that has ended, however it ended. */
export interface Admission {
  /** Nothing was there to fetch: it counts as no pull, unless the registry has said how many are left since. */
  giveBack(): void;
  done(): void;
}

/** What an answer of the registry itself says about limits. */
export interface LimitAnswer {
  readonly status: number;
  field(name: string): string | undefined;
}

/** One of the limits that hold at once. */
interface Limit {
  readonly setBy: 'operator' | 'registry';
  readonly limit: number;
  readonly left: number;
  /** Milliseconds. */
  readonly window: number;
  readonly resetsAt: number;
  /** When so many more than now may be fetched, at the latest. */
  readonly roomFor: (wanted: number) => number;
}

interface Waiter {
  readonly urgency: Urgency;
  readonly admit: () => void;
  readonly refuse: (reason: unknown) => void;
}

/** Part of each limit that a sync leaves to clients that wait. */
const RESERVE = 0.2;
/** Manifests that are fetched at once: what a registry says about the rest comes with their answers. */
const MOST_AT_ONCE: Readonly<Record<Urgency, number>> = { 'on-demand': 8, sync: 6 };
const MOST_WAITING = 10_000;
/** Where a registry says 429 and not for how long, and how long a client may reasonably wait for it. Seconds. */
const BLOCK_WITHOUT_WORD = 60;
export const SHORT_WAIT = 10;
/** Where a registry tells a limit and no window. Seconds. */
const WINDOW_WITHOUT_WORD = 3600;

/**
 * The limits of one registry for one account: what the operator allows, what the registry says is left, and how long it
 * wants to be left alone. Only GETs of manifests count; clients that wait go before syncs.
 */
export class RegistryBudget {
  #known: KnownLimits | null = null;
  /** That of which `#known` was read, or as which it was saved. */
  #text: string | undefined;
  #inFlight = 0;
  /** How often the registry has said what is left. */
  #told = 0;
  #waiting: Waiter[] = [];

  constructor(private readonly options: RegistryBudgetOptions) {}

  /**
   * Leave to GET a manifest. Waits only for others that are under way, never for the end of a window.
   * @throws RegistryFailure rate-limited with retryAfter when nothing is left for this urgency; the signal's reason
   */
  async admit(urgency: Urgency, signal: AbortSignal): Promise<Admission> {
    signal.throwIfAborted();
    this.#refuseWhenSpent(urgency);
    if (this.#isTurnOf(urgency)) this.#take();
    else await this.#wait(urgency, signal);
    let isDone = false;
    let isTaken = true;
    const told = this.#told;
    return {
      giveBack: () => {
        if (isTaken) this.#giveBack(told);
        isTaken = false;
      },
      done: () => {
        if (isDone) return;
        isDone = true;
        this.#inFlight--;
        this.#wake();
      },
    };
  }

  /**
   * Milliseconds until a request of any kind may be sent: 0, or at most SHORT_WAIT seconds.
   * @throws RegistryFailure rate-limited or unavailable with retryAfter, where it would be longer
   */
  pause(): number {
    const { blockedUntil, blockedBy } = this.#limits();
    const left = blockedUntil - this.options.clock();
    if (left <= 0 || left > LONGEST_WAIT * 1000) return 0; // nobody asks for more: the clock has been set back
    if (left <= SHORT_WAIT * 1000) return left;
    const seconds = Math.ceil(left / 1000);
    throw blockedBy === 503
      ? new RegistryFailure('unavailable', `${this.options.registry} asked to be left alone for another ${seconds} s`, {
          retryAfter: seconds,
        })
      : this.#spent(`asked to be left alone for another ${seconds} s`, seconds);
  }

  /** Takes in what an answer says; `counted` tells that it is one to an admitted GET. Returns Retry-After, seconds. */
  heard(answer: LimitAnswer, counted: boolean): number | null {
    const now = this.options.clock();
    const retryAfter = parseRetryAfter(answer.field('retry-after'), now);
    const before = this.#limits();
    const said = this.#saidBy(answer, now, counted);
    if (said) {
      this.#known = { ...before, said };
      this.#told++;
    }
    if (answer.status === 429) this.block(429, retryAfter);
    else if (answer.status === 503 && retryAfter !== null) this.block(503, retryAfter);
    else if (said && (said.remaining !== before.said?.remaining || said.limit !== before.said.limit)) this.#save();
    return retryAfter;
  }

  /** Leaves the registry alone for so many seconds, a minute where it did not say. */
  block(status: 429 | 503, seconds: number | null): void {
    const until = this.options.clock() + (seconds ?? BLOCK_WITHOUT_WORD) * 1000;
    const known = this.#limits();
    if (until <= known.blockedUntil) return;
    this.#known = { ...known, blockedUntil: until, blockedBy: status };
    this.#save();
  }

  /** How it stands at `now`, by the limit of which the least is left. */
  state(now: number): BudgetState {
    const [nearest] = this.#limitsAt(now).sort((a, b) => a.left - b.left);
    const { blockedUntil } = this.#limits();
    return {
      remaining: nearest ? Math.max(0, nearest.left) : null,
      limit: nearest?.limit ?? null,
      window: nearest ? nearest.window / 1000 : null,
      setBy: nearest?.setBy ?? null,
      resetsAt: nearest && nearest.left < nearest.limit ? nearest.resetsAt : null,
      blockedUntil: blockedUntil > now ? blockedUntil : null,
    };
  }

  #refuseWhenSpent(urgency: Urgency): void {
    this.pause();
    const now = this.options.clock();
    for (const { limit, left, setBy, roomFor } of this.#limitsAt(now)) {
      const reserve = urgency === 'sync' ? Math.floor(limit * RESERVE) : 0;
      if (left > reserve) continue;
      const seconds = Math.max(1, Math.ceil((roomFor(reserve + 1 - left) - now) / 1000));
      const whose = setBy === 'operator' ? 'that are allowed here' : 'that it allows';
      throw this.#spent(
        reserve > 0 && left > 0
          ? `has only ${left} of ${limit} pulls ${whose} left, which are kept for clients`
          : `has none of the ${limit} pulls ${whose} left`,
        seconds,
      );
    }
  }

  #spent(sentence: string, retryAfter: number): RegistryFailure {
    return new RegistryFailure('rate-limited', `${this.options.registry} ${sentence}`, { retryAfter });
  }

  #limitsAt(now: number): Limit[] {
    const limits: Limit[] = [];
    const { said, pulls } = this.#limits();
    const { budget } = this.options;
    if (budget) {
      const window = budget.window * 1000;
      const recent = recentPulls(pulls, now, window);
      limits.push({
        setBy: 'operator',
        limit: budget.pulls,
        left: budget.pulls - countPulls(recent),
        window,
        resetsAt: (recent.at(-1)?.last ?? now) + window,
        roomFor: (wanted) => timeOfRoom(recent, wanted, now, window),
      });
    }
    if (said && Math.abs(now - said.at) < said.window) {
      const resetsAt = said.at + said.window;
      const { limit, remaining: left, window } = said;
      limits.push({ setBy: 'registry', limit, left, window, resetsAt, roomFor: () => resetsAt });
    }
    return limits;
  }

  /** Those under way may not be in what it says is left. */
  #saidBy(answer: LimitAnswer, now: number, counted: boolean): SaidLimit | undefined {
    const remaining = parseRateLimit(answer.field('ratelimit-remaining'));
    const limit = parseRateLimit(answer.field('ratelimit-limit'));
    if (!remaining) return undefined;
    const others = Math.max(0, this.#inFlight - (counted ? 1 : 0));
    return {
      limit: Math.max(limit?.count ?? 0, remaining.count),
      remaining: Math.max(0, remaining.count - others),
      window: (remaining.window ?? limit?.window ?? WINDOW_WITHOUT_WORD) * 1000,
      at: now,
    };
  }

  #take(): void {
    this.#inFlight++;
    const now = this.options.clock();
    const known = this.#limits();
    const { budget } = this.options;
    const window = (budget?.window ?? 0) * 1000;
    this.#known = {
      ...known,
      pulls: budget ? addPull(recentPulls(known.pulls, now, window), now, window) : known.pulls,
      said: known.said && { ...known.said, remaining: Math.max(0, known.said.remaining - 1) },
    };
    if (budget || known.said) this.#save();
  }

  #giveBack(told: number): void {
    const known = this.#limits();
    const { said } = known;
    const isSaid = said !== null && told === this.#told;
    this.#known = {
      ...known,
      pulls: this.options.budget ? dropPull(known.pulls) : known.pulls,
      said: isSaid ? { ...said, remaining: Math.min(said.limit, said.remaining + 1) } : said,
    };
    if (this.options.budget || isSaid) this.#save();
  }

  #isTurnOf(urgency: Urgency): boolean {
    const before = this.#waiting.some((waiter) => urgency === 'sync' || waiter.urgency === 'on-demand');
    return !before && this.#inFlight < MOST_AT_ONCE[urgency];
  }

  async #wait(urgency: Urgency, signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= MOST_WAITING)
      throw this.#spent(`is asked for more than ${MOST_WAITING} manifests at once`, SHORT_WAIT);
    let leave = (): void => undefined;
    try {
      await new Promise<void>((admit, refuse) => {
        const waiter: Waiter = { urgency, admit, refuse };
        leave = () => {
          this.#waiting = this.#waiting.filter((one) => one !== waiter);
          refuse(signal.reason as Error);
        };
        this.#waiting.push(waiter);
        signal.addEventListener('abort', leave, { once: true });
      });
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  /** Lets those in whose turn it is, clients first; who comes when nothing is left is told so. */
  #wake(): void {
    for (const urgency of ['on-demand', 'sync'] as const) {
      for (const waiter of this.#waiting.filter((one) => one.urgency === urgency)) {
        if (this.#inFlight >= MOST_AT_ONCE[urgency]) break;
        this.#waiting = this.#waiting.filter((one) => one !== waiter);
        try {
          this.#refuseWhenSpent(urgency);
          this.#take();
          waiter.admit();
        } catch (error) {
          waiter.refuse(error);
        }
      }
    }
  }

  #limits(): KnownLimits {
    const text = this.options.memory.load();
    if (this.#known && text === this.#text) return this.#known;
    this.#text = text;
    return (this.#known = parseLimits(text));
  }

  #save(): void {
    this.#text = JSON.stringify(this.#known);
    this.options.memory.save(this.#text);
  }
}
