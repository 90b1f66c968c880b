import { rm } from 'node:fs/promises';
import type { Settings } from '../../config/settings.js';
import type { Layout } from '../../content/layout.js';
import { messageOf } from '../../core/errors.js';
import type { MarkerSource } from '../../core/freshness.js';
import type { MarkerRule, TreeMirror } from '../../core/mirror.js';
import { parseUpstream } from '../../core/upstream.js';
import type { Log } from '../../platform/log.js';
import { WebFiles } from '../../platform/web-files.js';
import type { Store } from '../../store/open.js';
import { CHILD_MARK } from '../runs/upstream-request.js';
import { source as rsync } from '../upstreams/rsync/kind.js';
import { noMarker, readDirectMarker, readWebMarker, type MarkerResult } from './read-marker.js';

export interface MarkerWatchOptions {
  readonly settings: () => Settings;
  readonly store: Store;
  readonly layout: Layout;
  readonly log: Log;
  readonly clock: () => number;
  /** 0 to 1. */
  readonly random: () => number;
  /** Runs that are asking a host now, by the key of the host. */
  readonly runsAt: (hostKey: string) => number;
  /** Whether a run of the mirror is going on: it reads the marker itself. */
  readonly isRunning: (mirror: string) => boolean;
}

type MarkedMirror = TreeMirror & { readonly marker: MarkerRule };

/** The clock of the machine may jump; it is looked at least so often, milliseconds. */
const LOOK_EVERY_MS = 30_000;
/** A host had no place. */
const TRY_AGAIN_MS = 5_000;
const AT_A_TIME = 4;
/** A reading comes up to so much of its period earlier or later. */
const JITTER = 0.1;

/**
 * Reads the markers of all upstreams on a schedule of its own, without starting a run, so that a page can tell how far a
 * tree is behind. What cannot be read is no failed run: it is told as such.
 */
export class MarkerWatch {
  readonly #due = new Map<string, number>();
  readonly #reading = new Map<string, { hostKey: string; ended: Promise<void> }>();
  readonly #closing = new AbortController();
  readonly #web = new WebFiles();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: MarkerWatchOptions) {}

  start(): void {
    this.apply();
  }

  /** Takes the settings as they are now: what is new gets its turn, what has gone loses it. */
  apply(): void {
    const { clock, random } = this.options;
    const mirrors = this.#mirrors();
    for (const name of [...this.#due.keys()]) if (!mirrors.has(name)) this.#due.delete(name);
    for (const [name, { markerEvery }] of mirrors)
      this.#due.set(name, Math.min(this.#due.get(name) ?? Infinity, clock() + random() * markerEvery * 1000));
    this.#arm(0);
  }

  /** Ends what is under way as well. */
  async stop(): Promise<void> {
    this.#closing.abort(new Error('Millpond is being stopped'));
    clearTimeout(this.#timer);
    await Promise.all([...this.#reading.values()].map(({ ended }) => ended));
    await this.#web.close();
  }

  #mirrors(): Map<string, MarkedMirror> {
    const all = [...this.options.settings().mirrors];
    return new Map(all.filter((entry): entry is [string, MarkedMirror] => entry[1].marker !== null));
  }

  #arm(least: number): void {
    clearTimeout(this.#timer);
    if (this.#closing.signal.aborted || this.#due.size === 0) return;
    const next = Math.min(...this.#due.values()) - this.options.clock();
    this.#timer = setTimeout(() => this.#look(), Math.min(Math.max(next, least), LOOK_EVERY_MS));
  }

  #look(): void {
    const now = this.options.clock();
    const mirrors = this.#mirrors();
    let waits = false;
    for (const [name, at] of this.#due) {
      const mirror = mirrors.get(name);
      if (!mirror) this.#due.delete(name);
      if (!mirror || at > now || this.#reading.has(name)) continue;
      const hostKey = parseUpstream(mirror.upstreams[0] ?? '/').hostKey;
      if (this.#mayRead(hostKey)) this.#begin(mirror, hostKey);
      else waits = true;
    }
    this.#arm(waits ? TRY_AGAIN_MS : 0);
  }

  #mayRead(hostKey: string): boolean {
    if (this.#reading.size >= AT_A_TIME) return false;
    if (hostKey === '') return true;
    const others = [...this.#reading.values()].filter((other) => other.hostKey === hostKey).length;
    return others + this.options.runsAt(hostKey) < this.options.settings().sync.perHost;
  }

  #begin(mirror: MarkedMirror, hostKey: string): void {
    const { clock, random, log } = this.options;
    const period = mirror.markerEvery * 1000 * (1 - JITTER + 2 * JITTER * random());
    this.#due.set(mirror.name, clock() + period);
    const ended = this.#readAll(mirror)
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) log.error({ err: error, mirror: mirror.name }, 'a marker cannot be read');
      })
      .finally(() => {
        this.#reading.delete(mirror.name);
        this.#arm(0);
      });
    this.#reading.set(mirror.name, { hostKey, ended });
  }

  async #readAll(mirror: MarkedMirror): Promise<void> {
    const signal = this.#closing.signal;
    if (!this.options.isRunning(mirror.name)) this.#take(mirror, 'direct', await this.#readDirect(mirror));
    if (mirror.origin && mirror.marker.meaning === 'content')
      this.#take(mirror, 'origin', await readWebMarker(mirror.marker, mirror.origin.url, { web: this.#web, signal }));
  }

  /** From the first of the upstreams that answers. */
  async #readDirect(mirror: MarkedMirror): Promise<MarkerResult> {
    const { layout, log } = this.options;
    const folder = layout.markerWatch(mirror.name);
    let result: MarkerResult = { ok: true, marker: null, at: '' };
    try {
      for (const text of mirror.upstreams) {
        const request = {
          ...{ mirror, upstream: parseUpstream(text), signal: this.#closing.signal },
          ...{ env: { [CHILD_MARK]: layout.data }, knownHosts: layout.knownHosts },
          onLine: (line: string) => log.debug({ mirror: mirror.name }, line),
        };
        result = await readDirectMarker(mirror.marker, request, { source: rsync, web: this.#web, folder });
        if (result.ok) return result;
      }
    } catch (error) {
      this.#closing.signal.throwIfAborted();
      // a password that cannot be read, an rsync that is not there
      return { ok: false, failure: 'local', message: messageOf(error), exitCode: null };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    return result;
  }

  #take(mirror: MarkedMirror, source: MarkerSource, result: MarkerResult): void {
    const { store, clock, log } = this.options;
    this.#closing.signal.throwIfAborted();
    if (!result.ok && result.failure === 'local') {
      // nobody can say anything of the upstream; the next run fails by it, and is told
      log.warn({ mirror: mirror.name, source }, `the marker cannot be read from here: ${result.message}`);
      return;
    }
    store.lightTransaction(() => {
      if (!result.ok) store.markers.failed(mirror.name, source, result.message, clock());
      else if (result.marker) store.markers.read(mirror.name, source, result.marker, clock());
      else store.markers.absent(mirror.name, source, noMarker(result.at), clock());
    });
    if (!result.ok) log.debug({ mirror: mirror.name, source }, result.message);
  }
}
