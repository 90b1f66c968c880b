import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, MillpondError } from '../../core/errors.js';
import { backoffAfter, type FailureClass } from '../../core/failure.js';
import { RUN_ACTIONS, NO_NUMBERS, type Run, type RunPhase, type RunProgress } from '../../core/run.js';
import type { Upstream } from '../../core/upstream.js';
import type { Log } from '../../platform/log.js';
import { paceOpensAt } from '../schedule/pace-of-mirror.js';
import { UPSTREAM_KINDS } from '../upstreams/kinds.js';
import type { ImageServices } from '../upstreams/oci/image-services.js';
import type { RunContext } from './run-context.js';
import { isDiskFull, RunFailure, RunStop } from './run-failure.js';
import { RunLog } from './run-log.js';

const PROGRESS_EVERY_MS = 250;
const RECORD_AGAIN_MS = 5_000;
/** Nothing on the disk has changed in these: after a power cut it is enough that the run is begun anew. */
const LIGHT_PHASES: ReadonlySet<RunPhase> = new Set(['probe', 'wait', 'admit']);

export interface ActiveRunOptions extends Pick<
  RunContext,
  'mirror' | 'settings' | 'store' | 'layout' | 'trees' | 'bandwidth' | 'keeper' | 'web' | 'clock'
> {
  readonly run: Run;
  readonly log: Log;
  /** Only where images are kept in step. */
  readonly images?: ImageServices;
  readonly onChange: (type: 'run.started' | 'run.phase' | 'run.ended', run: Run) => void;
  readonly onProgress: (progress: RunProgress) => void;
  readonly onPublished: () => void;
  readonly onUpstream: (upstream: Upstream) => void;
}

/** A run under way: it is recorded at each step, can be stopped, and always comes to a recorded end. */
export class ActiveRun {
  readonly #controller = new AbortController();
  readonly #tally: RunContext['tally'] = { numbers: NO_NUMBERS, upstream: null, exitCode: null, marker: null };
  readonly #runLog: RunLog;
  #progressToldAt = 0;
  run: Run;
  progress: RunProgress | null = null;
  lastByteAt: number;
  /** Resolves when the end is recorded; never rejects. */
  readonly ended: Promise<Run>;

  constructor(private readonly options: ActiveRunOptions) {
    const { clock, layout, store } = options;
    this.lastByteAt = clock();
    // first what may fail and leaves nothing behind
    this.#runLog = new RunLog(layout.log(options.run.mirror, options.run.id), clock);
    const start = { phase: 'probe', startedAt: clock() } as const;
    // after a power cut it may be told as waiting, and starts again, as every run does that was cut off
    this.run = store.lightTransaction(() => store.runs.update(options.run.id, start));
    options.onChange('run.started', this.run);
    this.ended = this.#perform();
  }

  /** Asks the run to end; false when it is past the point where it can. The first reason is kept. */
  stop(stop: RunStop): boolean {
    const may = RUN_ACTIONS[this.run.phase].cancel;
    // what is past that point still learns that nobody waits for its record any longer
    if (may || stop.kind === 'shutdown') this.#controller.abort(stop);
    return may;
  }

  async #perform(): Promise<Run> {
    const { mirror } = this.options;
    const limit = setTimeout(
      () => this.stop(new RunStop('timeout', `The run took longer than ${mirror.timeout} s (timeout).`)),
      Math.min(mirror.timeout * 1000, 2 ** 31 - 1),
    );
    let end: Partial<Run>;
    try {
      end = await UPSTREAM_KINDS[mirror.kind].perform(this.#context());
    } catch (error) {
      end = this.#endOf(error);
    } finally {
      clearTimeout(limit);
    }
    const { numbers, upstream, exitCode, marker } = this.#tally;
    this.#runLog.write(`Ended: ${end.outcome}. ${end.message}`);
    await this.#runLog.close();
    const found = { numbers, upstream, exitCode, markerValue: marker?.value ?? null, markerTime: marker?.time ?? null };
    await this.#record({ ...found, ...end, phase: 'ended', endedAt: this.options.clock() });
    return this.run;
  }

  /** The end is recorded even if the disk of the database is full for a while; only the end of the program ends that. */
  async #record(end: Partial<Run>): Promise<void> {
    const { store, log } = this.options;
    for (;;) {
      try {
        const record = () => store.runs.update(this.run.id, end);
        // of one that changed nothing a power cut may leave no more than that it was begun
        this.run = end.outcome === 'unchanged' ? store.lightTransaction(record) : record();
        return;
      } catch (error) {
        log.error({ err: error, mirror: this.run.mirror, run: this.run.id }, 'the end of a run cannot be recorded yet');
        this.run = { ...this.run, ...end };
        if (this.#controller.signal.aborted) return; // the next start finds it unfinished and marks it so
        await delay(RECORD_AGAIN_MS, undefined, { signal: this.#controller.signal }).catch(() => undefined);
      }
    }
  }

  #context(): RunContext {
    const { mirror, settings, store, layout, trees, bandwidth, keeper, web, clock, images = null } = this.options;
    const { onPublished, onUpstream } = this.options;
    return {
      ...{ run: this.run, mirror, settings, store, layout, trees, bandwidth, keeper, web, clock, images },
      log: this.#runLog,
      signal: this.#controller.signal,
      tally: this.#tally,
      tell: {
        phase: (phase) => this.#enter(phase),
        progress: (progress) => this.#tellProgress(progress),
        activity: () => (this.lastByteAt = this.options.clock()),
        upstream: onUpstream,
        published: onPublished,
      },
    };
  }

  #enter(phase: RunPhase): void {
    if (phase === this.run.phase) return; // recorded already: each record waits for the disk
    if (phase !== 'pull') this.progress = null;
    const { store } = this.options;
    const record = () => store.runs.update(this.run.id, { phase });
    this.run = LIGHT_PHASES.has(phase) ? store.lightTransaction(record) : record();
    this.options.onChange('run.phase', this.run);
  }

  #tellProgress(progress: RunProgress): void {
    const now = this.options.clock();
    this.progress = progress;
    this.lastByteAt = now;
    if (now - this.#progressToldAt < PROGRESS_EVERY_MS) return;
    this.#progressToldAt = now;
    this.options.onProgress(progress);
  }

  #endOf(error: unknown): Partial<Run> {
    const reason: unknown = this.#controller.signal.aborted ? this.#controller.signal.reason : error;
    if (reason instanceof RunStop) {
      if (reason.kind === 'timeout') return this.#failed('timeout', reason.message);
      return { outcome: reason.kind === 'cancelled' ? 'cancelled' : 'interrupted', message: reason.message };
    }
    if (error instanceof RunFailure) {
      this.#tally.exitCode = error.exitCode ?? this.#tally.exitCode;
      return this.#failed(error.failure, error.message, error.notBefore);
    }
    if (isDiskFull(error)) return this.#failed('disk-full', `The disk is full: ${messageOf(error)}`);
    if (error instanceof MillpondError) return this.#failed('local', `${error.message}. ${error.hint}`.trim());
    this.options.log.error({ err: error, mirror: this.run.mirror, run: this.run.id }, 'a run failed in an unknown way');
    return this.#failed('local', `This program failed: ${messageOf(error)}`);
  }

  #failed(failure: FailureClass, message: string, notBefore: number | null = null): Partial<Run> {
    const wait = backoffAfter(failure, this.run.attempt, this.options.mirror.retry);
    const earliest = Math.max(this.options.clock() + (wait ?? 0) * 1000, notBefore ?? 0);
    const retryAt = wait === null ? null : paceOpensAt(this.options.store, this.options.mirror, earliest);
    return { outcome: 'failed', failure, message, retryAt };
  }
}
