import { allMirrors, findMirror } from '../../config/all-mirrors.js';
import type { Settings } from '../../config/settings.js';
import type { Run, RunTrigger } from '../../core/run.js';
import type { Log } from '../../platform/log.js';
import type { Store } from '../../store/open.js';
import { nextDue } from './next-due.js';
import { paceOf, paceOpensAt } from './pace-of-mirror.js';

/** The clock of the machine may jump; it is looked at least so often. */
const LOOK_EVERY_MS = 30_000;

export interface TimetableOptions {
  readonly store: Store;
  readonly settings: () => Settings;
  readonly clock: () => number;
  readonly random: () => number;
  readonly log: Log;
  readonly onDue: (mirror: string, trigger: RunTrigger) => void;
}

/**
 * Knows when each mirror is due next. The times are kept in the database: what was missed while the program was down
 * is caught up once, whatever the number of times that were missed.
 */
export class Timetable {
  readonly #due = new Map<string, { at: number; trigger: RunTrigger }>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(private readonly options: TimetableOptions) {}

  start(): void {
    for (const { name } of allMirrors(this.options.settings())) this.#enter(name);
    this.#arm();
  }

  /** For good: runs that end later are planned by the next start. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#due.clear();
  }

  /** New mirrors get a place, removed ones lose theirs, and a changed schedule is counted from now. */
  settingsChanged(before: Settings): void {
    const settings = this.options.settings();
    for (const { name } of allMirrors(before)) if (!findMirror(settings, name)) this.#set(name, null);
    for (const mirror of allMirrors(settings)) {
      const { name } = mirror;
      const known = findMirror(before, name);
      if (!known) this.#enter(name);
      else if (JSON.stringify([known.schedule, paceOf(known)]) !== JSON.stringify([mirror.schedule, paceOf(mirror)]))
        this.#plan(name);
    }
    this.#arm();
  }

  /** A failed run is tried again when its back-off is over; a schedule that is denser than that waits for it. */
  runEnded(run: Run): void {
    if (this.#stopped || !findMirror(this.options.settings(), run.mirror)) return;
    const planned = this.#due.get(run.mirror);
    if (run.retryAt !== null) this.#set(run.mirror, { at: run.retryAt, trigger: 'retry' });
    // a run that did not fail has made the planned retry of an earlier one needless
    else if (!planned || planned.trigger === 'retry') this.#plan(run.mirror);
    this.#arm();
  }

  #enter(mirror: string): void {
    const { store, clock, settings } = this.options;
    const now = clock();
    const kept = store.mirrors.get(mirror).nextDueAt;
    const last = store.runs.ended(mirror, 1)[0];
    const manual = findMirror(settings(), mirror)?.schedule.kind === 'manual';
    if (last?.outcome === 'interrupted' || (!manual && kept === null && !last))
      this.#set(mirror, { at: this.#paced(mirror, now), trigger: 'catch-up' });
    else if (last && last.retryAt !== null && last.retryAt === kept)
      this.#set(mirror, { at: Math.max(now, kept), trigger: 'retry' });
    else if (kept !== null && !manual) {
      // the schedule may have become a denser one while the program was down
      const at = Math.min(kept, this.#next(mirror) ?? kept);
      this.#set(mirror, { at, trigger: at < now ? 'catch-up' : 'schedule' });
    } else this.#plan(mirror);
  }

  #plan(mirror: string): void {
    const at = this.#next(mirror);
    this.#set(mirror, at === null ? null : { at, trigger: 'schedule' });
  }

  #next(mirror: string): number | null {
    const { settings, clock, random } = this.options;
    const configured = findMirror(settings(), mirror);
    if (!configured) return null;
    const jitter = paceOf(configured)?.jitter ?? settings().sync.jitter;
    const due = nextDue(configured.schedule, clock(), jitter, random);
    return due === null ? null : this.#paced(mirror, due);
  }

  /** The first moment from `at` on at which the pace of the mirror lets a run start. */
  #paced(mirror: string, at: number): number {
    const configured = findMirror(this.options.settings(), mirror);
    return configured ? paceOpensAt(this.options.store, configured, at) : at;
  }

  #set(mirror: string, due: { at: number; trigger: RunTrigger } | null): void {
    if (due) this.#due.set(mirror, due);
    else this.#due.delete(mirror);
    try {
      this.options.store.mirrors.setNextDue(mirror, due?.at ?? null);
    } catch (error) {
      // what is planned holds as long as the program runs; the next plan is recorded again
      this.options.log.error({ err: error, mirror }, 'the next run is planned, but cannot be recorded');
    }
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    const next = Math.min(...[...this.#due.values()].map((due) => due.at));
    const wait = Math.min(Math.max(next - this.options.clock(), 0), LOOK_EVERY_MS);
    this.#timer = setTimeout(() => this.#look(), wait);
  }

  #look(): void {
    const now = this.options.clock();
    for (const [mirror, due] of [...this.#due]) {
      if (due.at > now) continue;
      try {
        // a person may have used up what the day has left
        const opens = this.#paced(mirror, now);
        if (opens > now) {
          this.#set(mirror, { ...due, at: opens });
          continue;
        }
        this.#plan(mirror); // the next one first: a run that ends at once finds its plan made
        this.options.onDue(mirror, due.trigger);
      } catch (error) {
        // the database cannot be written, most likely: the disk is full, and somebody may make room
        this.options.log.error({ err: error, mirror }, 'a run that is due cannot be queued; it is tried again');
        this.#due.set(mirror, { ...due, at: now + LOOK_EVERY_MS });
      }
    }
    this.#arm();
  }
}
