import { allMirrors, findMirror } from '../config/all-mirrors.js';
import type { Settings } from '../config/settings.js';
import type { Layout } from '../content/layout.js';
import type { PublishedTrees } from '../content/published-trees.js';
import type { Engine, EngineEvent, MirrorActivity } from '../core/engine.js';
import { MillpondError } from '../core/errors.js';
import type { Mirror } from '../core/mirror.js';
import { ALARMING_QUARANTINES, quarantinesInARow, TRIGGER_PRIORITY, type Run, type RunTrigger } from '../core/run.js';
import { parseUpstream } from '../core/upstream.js';
import type { Log } from '../platform/log.js';
import { WebFiles } from '../platform/web-files.js';
import type { Store } from '../store/open.js';
import { BandwidthPool } from './bandwidth.js';
import { dropHeld, mustBeHeld } from './held.js';
import { DiskSampler } from './disk-sampler.js';
import { GenerationKeeper } from './generation-keeper.js';
import { findWayBack, returnToKept, returnToPrevious } from './roll-back.js';
import { ActiveRun } from './runs/active-run.js';
import { RunStop } from './runs/run-failure.js';
import { removeOldRuns } from './runs/retention.js';
import { childMark } from './runs/upstream-request.js';
import { paceOpensAt, refuseOverPace } from './schedule/pace-of-mirror.js';
import { RunQueue, type QueuedRun } from './schedule/run-queue.js';
import { Timetable } from './schedule/timetable.js';
import type { ImageServices } from './upstreams/oci/image-services.js';

export interface SyncEngineOptions {
  readonly settings: Settings;
  readonly store: Store;
  readonly layout: Layout;
  readonly trees: PublishedTrees;
  readonly log: Log;
  readonly clock: () => number;
  /** 0 to 1; for jitter. */
  readonly random: () => number;
  /** What runs of images work with; without it they fail. */
  readonly images?: ImageServices;
}

/** The disk of the database may be full, and somebody may make room. */
const START_AGAIN_MS = 30_000;

/** The one queue of runs: what is due is put in, and started when the limits allow. */
export class SyncEngine implements Engine {
  readonly #queue = new RunQueue();
  readonly #running = new Map<string, ActiveRun & { hostKey: string }>();
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  readonly #bandwidth: BandwidthPool;
  readonly #web = new WebFiles();
  readonly #timetable: Timetable;
  readonly #keeper: GenerationKeeper;
  readonly #disk: DiskSampler;
  #settings: Settings;
  /** Mirrors whose trees are being switched by something else than a run. */
  readonly #busy = new Set<string>();
  #startLater: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(private readonly options: SyncEngineOptions) {
    const { settings, store, clock, random } = options;
    this.#settings = settings;
    this.#bandwidth = new BandwidthPool(settings.sync.bandwidth, settings.sync.concurrency);
    this.#timetable = new Timetable({
      ...{ store, clock, random, log: options.log },
      settings: () => this.#settings,
      onDue: (mirror, trigger) => this.#enqueueDue(mirror, trigger),
    });
    const { layout, trees, log } = options;
    this.#keeper = new GenerationKeeper({
      ...{ store, layout, trees, clock, log, env: childMark({ layout }) },
      settings: () => this.#settings,
      onChange: (mirror) => this.#emit({ type: 'mirror.changed', mirror }),
    });
    this.#disk = new DiskSampler({ store, clock, log, keeper: this.#keeper, settings: () => this.#settings });
  }

  /** Takes up what waited when the program ended, and starts the clock. Disk and records agree already. */
  start(): void {
    for (const run of this.options.store.runs.unfinished()) {
      const mirror = findMirror(this.#settings, run.mirror);
      if (mirror) this.#queue.put({ run, hostKey: hostKeyFor(run, mirror) });
      else this.#drop(run, 'The mirror is no longer in the configuration.');
    }
    this.#keeper.start();
    this.#disk.start();
    this.#timetable.start();
    this.#startWhatMay();
  }

  /** Ends all runs cleanly; they are taken up at the next start. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#startLater);
    this.#timetable.stop();
    const stop = new RunStop('shutdown', 'Millpond was stopped; the run goes on from here at the next start.');
    for (const active of this.#running.values()) active.stop(stop);
    await Promise.all([
      this.#keeper.stop(),
      this.#disk.stop(),
      ...[...this.#running.values()].map((active) => active.ended),
    ]);
    this.#bandwidth.close();
    await this.#web.close();
  }

  /** Uses other settings from now on; what runs goes on as it was started. */
  apply(settings: Settings): void {
    const before = this.#settings;
    this.#settings = settings;
    this.#bandwidth.configure(settings.sync.bandwidth, settings.sync.concurrency);
    for (const { name } of allMirrors(before)) {
      if (findMirror(settings, name)) continue;
      const queued = this.#queue.remove(name);
      if (queued) this.#drop(queued, 'The mirror was taken out of the configuration.');
      this.#running.get(name)?.stop(new RunStop('cancelled', 'The mirror was taken out of the configuration.'));
    }
    for (const name of settings.mirrors.keys()) this.#keeper.look(name);
    this.#timetable.settingsChanged(before);
    this.#startWhatMay();
  }

  trigger(mirror: string, trigger: RunTrigger, { force = false } = {}): Run {
    const { pausedAt, pauseReason } = this.#stateOf(mirror);
    if (pausedAt !== null && !force)
      throw new MillpondError('conflict', `${mirror} is paused: ${pauseReason ?? 'no reason was given'}`, {
        hint: `Resume it (millpond resume ${mirror}), or start one run all the same (--force).`,
      });
    if (!force) refuseOverPace(this.options.store, this.#mirror(mirror), this.options.clock());
    return this.#enqueue(mirror, trigger, { force, attempt: 1 });
  }

  async cancel(mirror: string): Promise<{ cancelled: number[] }> {
    this.#mirror(mirror);
    const cancelled: number[] = [];
    const queued = this.#queue.remove(mirror);
    if (queued) cancelled.push(this.#drop(queued, 'Cancelled by a person before it started.').id);
    const active = this.#running.get(mirror);
    if (active?.stop(new RunStop('cancelled', 'Cancelled by a person.'))) cancelled.push((await active.ended).id);
    return { cancelled };
  }

  pause(mirror: string, reason: string): void {
    this.#mirror(mirror);
    this.options.store.mirrors.pause(mirror, this.options.clock(), reason);
    this.#emit({ type: 'mirror.changed', mirror });
  }

  resume(mirror: string): void {
    this.#mirror(mirror);
    this.options.store.mirrors.resume(mirror);
    this.#emit({ type: 'mirror.changed', mirror });
    this.#startWhatMay();
  }

  approve(mirror: string, heldRun: number): Run {
    this.#mustBeIdle(mirror);
    mustBeHeld(this.options.store, mirror, heldRun);
    this.options.store.held.approve(mirror, this.options.clock());
    // forced, so that it goes on where the mirror is paused to keep what was looked at
    return this.#enqueue(mirror, 'approval', { force: true, attempt: 1 });
  }

  async reject(mirror: string, heldRun: number): Promise<void> {
    this.#mustBeIdle(mirror);
    const held = mustBeHeld(this.options.store, mirror, heldRun);
    await this.#whileBusy(mirror, () => dropHeld(this.options, held));
    this.#emit({ type: 'mirror.changed', mirror });
  }

  async rollback(mirror: string, stamp: string | null = null): Promise<{ generation: number }> {
    this.#mustBeIdle(mirror);
    const { store, layout, trees } = this.options;
    const parts = { store, layout, trees, env: childMark({ layout }) };
    const way = findWayBack(parts, mirror, stamp);
    const name = way.kind === 'kept' ? `the generation of ${way.kept.stamp}` : `generation ${way.previous.id}`;
    // paused first: the next run would bring the rejected tree right back
    this.pause(mirror, `Rolled back to ${name}; resume to take what upstream has.`);
    return this.#whileBusy(mirror, async () => {
      await this.#keeper.settled(mirror, new AbortController().signal);
      const { id } = way.kind === 'kept' ? await returnToKept(parts, way) : await returnToPrevious(parts, way);
      this.#emit({ type: 'mirror.changed', mirror });
      return { generation: id };
    });
  }

  activity(mirror: string): MirrorActivity {
    const active = this.#running.get(mirror);
    return {
      running: active?.run ?? null,
      progress: active?.progress ?? null,
      lastByteAt: active?.lastByteAt ?? null,
      queued: this.#queue.get(mirror),
      place: this.#queue.place(mirror),
    };
  }

  /** Runs that are asking a host of this key now. */
  runsAt(hostKey: string): number {
    return [...this.#running.values()].filter((active) => active.hostKey === hostKey).length;
  }

  subscribe(listener: (event: EngineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @throws MillpondError not-found, conflict */
  #mustBeIdle(mirror: string): void {
    this.#mirror(mirror);
    if (this.#running.has(mirror) || this.#busy.has(mirror))
      throw new MillpondError('conflict', `${mirror} is being synced`, {
        hint: `Cancel that first: millpond cancel ${mirror}`,
      });
  }

  /** No run of the mirror is started meanwhile. */
  async #whileBusy<T>(mirror: string, work: () => Promise<T>): Promise<T> {
    this.#busy.add(mirror);
    try {
      return await work();
    } finally {
      this.#busy.delete(mirror);
      this.#startWhatMay();
    }
  }

  #enqueueDue(mirror: string, trigger: RunTrigger): void {
    if (this.#stateOf(mirror).pausedAt !== null) return;
    const last = this.options.store.runs.ended(mirror, 1)[0];
    this.#enqueue(mirror, trigger, { force: false, attempt: trigger === 'retry' ? (last?.attempt ?? 0) + 1 : 1 });
  }

  /** At most one run of a mirror waits; asking again makes that one more urgent, never another. */
  #enqueue(mirror: string, trigger: RunTrigger, { force, attempt }: { force: boolean; attempt: number }): Run {
    const { store, clock } = this.options;
    const waiting = this.#queue.get(mirror);
    const urgent = !waiting || TRIGGER_PRIORITY[trigger] < TRIGGER_PRIORITY[waiting.trigger];
    // after a power cut the timetable asks again for what was due
    const run = store.lightTransaction(() =>
      waiting
        ? store.runs.update(waiting.id, { trigger: urgent ? trigger : waiting.trigger, force: waiting.force || force })
        : store.runs.add({ mirror, trigger, attempt, force, queuedAt: clock() }),
    );
    this.#queue.put({ run, hostKey: hostKeyFor(run, this.#mirror(mirror)) });
    if (!waiting) this.#emit({ type: 'run.queued', mirror, run });
    this.#startWhatMay();
    return store.runs.mustGet(run.id);
  }

  #startWhatMay(): void {
    while (!this.#stopping) {
      const running = [...this.#running.values()].map(({ run, hostKey }) => ({ run, hostKey }));
      const next = this.#queue.takeNext(running, this.#settings.sync, (run) => this.#mayStart(run));
      if (!next || !this.#startRun(next)) return;
    }
  }

  /** A pause holds what waits as well, unless a person has asked for just this run. */
  #mayStart({ mirror, force, trigger }: Run): boolean {
    if (this.#busy.has(mirror)) return false;
    if (force) return true;
    const { store, clock } = this.options;
    if (store.mirrors.get(mirror).pausedAt !== null) return false;
    const now = clock();
    const opens = trigger === 'manual' ? now : paceOpensAt(store, this.#mirror(mirror), now);
    if (opens > now) this.#startAgainIn(opens - now);
    return opens <= now;
  }

  /** Looks again at what waits, at the latest after so many milliseconds. */
  #startAgainIn(milliseconds: number): void {
    clearTimeout(this.#startLater);
    this.#startLater = setTimeout(() => this.#startWhatMay(), Math.min(milliseconds, START_AGAIN_MS));
  }

  /** False when nothing can be started now: the run waits on, and it is tried again later. */
  #startRun(queued: QueuedRun): boolean {
    try {
      this.#activate(queued);
      return true;
    } catch (error) {
      this.options.log.error({ err: error, mirror: queued.run.mirror }, 'a run cannot be started; it is tried again');
      this.#queue.put(queued);
      this.#startAgainIn(START_AGAIN_MS);
      return false;
    }
  }

  #activate({ run, hostKey }: QueuedRun): void {
    const { store, layout, trees, clock, log, images } = this.options;
    const mirror = run.mirror;
    const active = new ActiveRun({
      ...{ run, mirror: this.#mirror(mirror), settings: this.#settings, store, layout, trees, clock, log },
      ...{ bandwidth: this.#bandwidth, keeper: this.#keeper, web: this.#web },
      ...(images ? { images } : {}),
      onChange: (type, changed) => this.#emit({ type, mirror, run: changed }),
      onProgress: (progress) => this.#emit({ type: 'run.progress', mirror, runId: run.id, progress }),
      onPublished: () => this.#emit({ type: 'mirror.changed', mirror }),
      // the next of a list takes a place at its own host
      onUpstream: (upstream) => Object.assign(this.#running.get(mirror) ?? {}, { hostKey: upstream.hostKey }),
    });
    this.#running.set(mirror, Object.assign(active, { hostKey }));
    void active.ended.then((ended) => this.#onEnded(ended));
  }

  #onEnded(run: Run): void {
    const { store, layout, log, clock } = this.options;
    this.#running.delete(run.mirror);
    const end = { mirror: run.mirror, run: run.id, outcome: run.outcome, failure: run.failure };
    log[this.#isAlarming(run) ? 'error' : 'info'](end, run.message ?? '');
    if (run.outcome === 'updated') this.#keeper.look(run.mirror);
    this.#timetable.runEnded(run);
    this.#emit({ type: 'run.ended', mirror: run.mirror, run });
    this.#startWhatMay();
    void removeOldRuns({ store, layout, log, clock }, run.mirror, this.#settings.sync.keep);
  }

  /** What goes on for so long is a matter for a person. */
  #isAlarming({ mirror, outcome }: Run): boolean {
    if (outcome !== 'quarantined') return false;
    return quarantinesInARow(this.options.store.runs.ended(mirror, 2 * ALARMING_QUARANTINES)) >= ALARMING_QUARANTINES;
  }

  #drop(run: Run, message: string): Run {
    const { store, clock } = this.options;
    const dropped = store.runs.update(run.id, { phase: 'ended', outcome: 'cancelled', message, endedAt: clock() });
    this.#emit({ type: 'run.ended', mirror: run.mirror, run: dropped });
    return dropped;
  }

  #mirror(name: string): Mirror {
    const mirror = findMirror(this.#settings, name);
    if (!mirror) throw new MillpondError('not-found', `there is no mirror "${name}" in ${this.#settings.file}`);
    return mirror;
  }

  #stateOf(mirror: string): ReturnType<Store['mirrors']['get']> {
    this.#mirror(mirror);
    return this.options.store.mirrors.get(mirror);
  }

  #emit(event: EngineEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/**
 * Runs are limited by the host of the first upstream, which is the one that is asked first, or of the registry; one that
 * publishes what is here asks none.
 */
function hostKeyFor({ trigger }: Run, mirror: Mirror): string {
  if (trigger === 'approval') return '';
  if (mirror.kind === 'oci') return new URL(mirror.registry.url).hostname;
  const first = mirror.upstreams[0];
  return first === undefined ? '' : parseUpstream(first).hostKey;
}
