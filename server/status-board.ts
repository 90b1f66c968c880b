import type { Settings } from '../config/settings.js';
import type { MirrorActivity } from '../core/engine.js';
import type { TreeMirror } from '../core/mirror.js';
import {
  mirrorRecords,
  mirrorStatus,
  type MirrorRecords,
  type MirrorStatus,
  type StatusDeps,
  type StatusScrub,
} from './mirror-status.js';
import { scrubberFor, scrubberOf, scrubSecrets, type Scrub } from './scrub.js';

/** What depends on the clock alone is decided anew after so long. Pages show times cut to as much. */
export const DECIDED_FOR_MS = 15_000;
/** Progress of a running fetch is taken over no more often than this. */
const PROGRESS_EVERY_MS = 1_000;

interface Entry {
  /** Of the records, as the store counts. */
  readonly revision: number;
  readonly records: MirrorRecords;
  readonly activity: MirrorActivity;
  /** The interval of the clock in which it was decided, and the exact time. */
  readonly interval: number;
  readonly madeAt: number;
  readonly status: MirrorStatus;
}

/**
 * The status of every mirror, kept in memory: whoever asks pays for what has changed since somebody asked last, and the
 * database is read only for mirrors of which something was written. Bounded: one entry a configured mirror, with the
 * recent runs and sizes of its generations.
 */
export class StatusBoard {
  readonly #entries = new Map<string, Entry>();
  #settings: Settings | undefined;
  #scrub: Scrub = String;
  #revision = 0;
  #news = 0;
  #all: { readonly revision: number; readonly statuses: readonly MirrorStatus[] } = { revision: -1, statuses: [] };

  constructor(private readonly deps: StatusDeps) {}

  /** All configured mirrors, in the order of the configuration; the same array as long as nothing has changed. */
  all(): readonly MirrorStatus[] {
    const { mirrors } = this.#currentSettings();
    for (const mirror of mirrors.values()) this.#entry(mirror);
    if (this.#all.revision !== this.#revision) {
      const statuses = [...mirrors.values()].map((mirror) => this.#entry(mirror).status);
      this.#all = { revision: this.#revision, statuses };
    }
    return this.#all.statuses;
  }

  /** Undefined when no such mirror is configured. The same object as long as nothing has changed. */
  get(name: string): MirrorStatus | undefined {
    const mirror = this.#currentSettings().mirrors.get(name);
    return mirror && this.#entry(mirror).status;
  }

  /** What only operators may read, in which hosts and files are named. Made anew each time. */
  forAdministrator(name: string): MirrorStatus | undefined {
    const { deps } = this;
    const mirror = deps.settings().mirrors.get(name);
    if (!mirror) return undefined;
    const scrub = { all: scrubSecrets, runs: scrubSecrets };
    const records = mirrorRecords(deps, mirror, scrub);
    return this.#make(mirror, { records, activity: deps.engine.activity(name), now: deps.clock(), scrub });
  }

  /** Grows with every change of what was handed out last. */
  get revision(): number {
    return this.#revision;
  }

  /** Grows with every change that has come from elsewhere than from the clock. */
  get news(): number {
    return this.#news;
  }

  #make(
    mirror: TreeMirror,
    parts: { records: MirrorRecords; activity: MirrorActivity; now: number; scrub: StatusScrub },
  ): MirrorStatus {
    return mirrorStatus(mirror, { ...parts, jitter: this.deps.settings().sync.jitter });
  }

  /** What the scrubber hides depends on all settings: with new ones everything is made anew. */
  #currentSettings(): Settings {
    const settings = this.deps.settings();
    if (settings !== this.#settings) {
      this.#settings = settings;
      this.#scrub = scrubberFor(settings);
      this.#entries.clear();
      this.#revision++;
      this.#news++;
    }
    return settings;
  }

  #entry(mirror: TreeMirror): Entry {
    const { deps } = this;
    const known = this.#entries.get(mirror.name);
    const now = deps.clock();
    const activity = deps.engine.activity(mirror.name);
    const revision = deps.store.revisions.of(mirror.name);
    const hasRecords = known?.revision === revision;
    if (known && hasRecords && isCurrent(known, activity, now)) return known;
    const scrub = { all: this.#scrub, runs: scrubberOf(deps.settings(), mirror.name, this.#scrub) };
    const records = hasRecords ? known.records : mirrorRecords(deps, mirror, scrub);
    const made = this.#make(mirror, { records, activity, now, scrub });
    // only the clock has gone on
    const isOnlyLater = known !== undefined && hasRecords && isAtRest(known.activity, activity);
    const status = isOnlyLater && isAsBefore(known.status, made) ? known.status : made;
    if (status === made) this.#revision++;
    if (!isOnlyLater) this.#news++;
    const entry = { revision, records, activity, interval: intervalOf(now), madeAt: now, status };
    this.#entries.set(mirror.name, entry);
    return entry;
  }
}

function isCurrent(known: Entry, activity: MirrorActivity, now: number): boolean {
  const { running, queued, place, progress, lastByteAt } = known.activity;
  if (intervalOf(now) !== known.interval) return false;
  if (running !== activity.running || queued !== activity.queued || place !== activity.place) return false;
  const hasMoved = progress !== activity.progress || lastByteAt !== activity.lastByteAt;
  return !hasMoved || now - known.madeAt < PROGRESS_EVERY_MS;
}

function intervalOf(now: number): number {
  return Math.floor(now / DECIDED_FOR_MS);
}

/** Whether neither has a run, running or waiting. */
function isAtRest(before: MirrorActivity, now: MirrorActivity): boolean {
  return [before.running, before.queued, now.running, now.queued].every((run) => run === null);
}

/** Whether what is decided by the clock is the same, of two that were made of the same records of a mirror at rest. */
function isAsBefore(a: MirrorStatus, b: MirrorStatus): boolean {
  return (
    a.verdict.sentence === b.verdict.sentence &&
    a.verdict.next.text === b.verdict.next.text &&
    a.verdict.since === b.verdict.since &&
    a.growth?.bytes === b.growth?.bytes &&
    a.growth?.since === b.growth?.since &&
    a.upstream.lagSeconds === b.upstream.lagSeconds &&
    a.pace?.fetches === b.pace?.fetches &&
    a.pace?.opensAt === b.pace?.opensAt
  );
}
