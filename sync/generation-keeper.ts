import { stat } from 'node:fs/promises';
import type { Settings } from '../config/settings.js';
import { keepTree, removeKept, serveKept, settleKept, type KeptTreesParts } from '../content/kept-trees.js';
import { messageOf } from '../core/errors.js';
import { keptByRule, stampOf, type KeepRule, type KeptGeneration } from '../core/kept.js';
import { formatBytes } from '../core/units.js';
import { diskSpace } from '../platform/disk-space.js';
import type { Log } from '../platform/log.js';
import type { Store } from '../store/open.js';

export interface GenerationKeeperOptions extends Omit<KeptTreesParts, 'signal'> {
  readonly settings: () => Settings;
  readonly log: Log;
  /** What is kept of a mirror has changed. */
  readonly onChange: (mirror: string) => void;
}

/** Trees that are linked at a time. */
const JOBS = 2;

/**
 * Keeps dated generations in the background: the live tree is linked after each publish, and what the rule keeps no more
 * is removed. Which are to be there follows from the records, so that what was interrupted is done at the next start.
 */
export class GenerationKeeper {
  readonly #jobs = new Map<string, Promise<void>>();
  readonly #waiting = new Set<string>();
  readonly #settled = new Set<string>();
  readonly #controller = new AbortController();
  #makingRoom: Promise<boolean> | undefined;

  readonly #parts: KeptTreesParts;

  constructor(private readonly options: GenerationKeeperOptions) {
    this.#parts = { ...options, signal: this.#controller.signal };
  }

  /** Records and disk are brought in agreement, then the work begins. */
  start(): void {
    for (const mirror of this.options.settings().mirrors.keys()) this.look(mirror);
  }

  /** What of `mirror` is kept may have to change: it was published, or its rule is another one. */
  look(mirror: string): void {
    if (this.#controller.signal.aborted) return;
    this.#waiting.add(mirror);
    this.#startJobs();
  }

  /**
   * Resolves when nothing of `mirror` is being linked or waits for that, or the signal is aborted. Until then the slot
   * that is live, or was until a moment ago, must stay as it is.
   */
  async settled(mirror: string, signal: AbortSignal): Promise<void> {
    let stop = (): void => undefined;
    const aborted = new Promise<void>((resolve) => (stop = resolve));
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted && (this.#waiting.has(mirror) || this.#jobs.has(mirror)))
      await Promise.race([...this.#jobs.values(), aborted]);
    signal.removeEventListener('abort', stop);
  }

  /**
   * Removes kept generations, the oldest first, until `bytes` are free where `mirror` is; false when that is not to be
   * had. Only those of mirrors on the same file system, and none where nothing would be free without it.
   */
  async makeRoom(folder: string, bytes: number): Promise<boolean> {
    while (this.#makingRoom) await this.#makingRoom.catch(() => undefined);
    this.#makingRoom = this.#removeOldest(folder, bytes);
    try {
      return await this.#makingRoom;
    } finally {
      this.#makingRoom = undefined;
    }
  }

  /** Ends what is under way; it is taken up at the next start. */
  async stop(): Promise<void> {
    this.#controller.abort(new Error('Millpond was stopped'));
    this.#waiting.clear();
    await Promise.all(this.#jobs.values());
  }

  #startJobs(): void {
    for (const mirror of [...this.#waiting]) {
      if (this.#jobs.size >= JOBS) return;
      if (this.#jobs.has(mirror)) continue;
      this.#waiting.delete(mirror);
      const job = this.#work(mirror).finally(() => {
        this.#jobs.delete(mirror);
        this.#startJobs();
      });
      this.#jobs.set(mirror, job);
    }
  }

  async #work(mirror: string): Promise<void> {
    const { settings, log } = this.options;
    const configured = settings().mirrors.get(mirror);
    if (!configured) return;
    try {
      if (!this.#settled.has(mirror)) await settleKept(this.#parts, mirror);
      this.#settled.add(mirror);
      await serveKept(this.#parts, mirror);
      if (configured.keep) await this.#follow(mirror, configured.keep);
    } catch (error) {
      if (this.#controller.signal.aborted) return;
      log.warn({ err: error, mirror }, `a generation could not be kept, or removed: ${messageOf(error)}`);
    }
  }

  /** Without a rule nothing is kept anew, and nothing is removed either. */
  async #follow(mirror: string, rule: KeepRule): Promise<void> {
    const { store, log, onChange } = this.options;
    const live = store.generations.live(mirror);
    const list = store.kept.list(mirror);
    if (live && !list.some(({ generation }) => generation === live.id) && keptByRule([live, ...list], rule).has(live)) {
      const stamp = stampOf(live.publishedAt, (text) => list.some((each) => each.stamp === text));
      const kept = await keepTree(this.#parts, live, stamp);
      log.info({ mirror, stamp: kept.stamp }, 'a generation is kept');
      onChange(mirror);
    }
    const now = store.kept.list(mirror);
    const wanted = keptByRule(now, rule);
    for (const kept of now.toReversed()) if (!wanted.has(kept)) await this.#remove(kept, 'rule');
  }

  async #remove(kept: KeptGeneration, because: 'rule' | 'disk'): Promise<void> {
    await removeKept(this.#parts, kept, because);
    const why = because === 'rule' ? 'newer ones took its place' : 'the disk is nearly full';
    this.options.log.info({ mirror: kept.mirror, stamp: kept.stamp }, `a kept generation was removed: ${why}`);
    this.options.onChange(kept.mirror);
  }

  async #removeOldest(folder: string, bytes: number): Promise<boolean> {
    const { store, layout, log } = this.options;
    const here = (await stat(folder)).dev;
    for (;;) {
      const { free } = await diskSpace(folder);
      if (free >= bytes) return true;
      const oldest = await firstOn(here, store.kept.all().filter(holdsBytes(store)), ({ mirror }) =>
        layout.mirror(mirror),
      );
      if (!oldest || this.#controller.signal.aborted) return false;
      await this.#jobs.get(oldest.mirror); // it may be about to remove the same
      if (!store.kept.list(oldest.mirror).some(({ stamp }) => stamp === oldest.stamp)) continue;
      log.warn({ mirror: oldest.mirror, stamp: oldest.stamp }, `room is made: ${formatBytes(free)} are free`);
      await this.#remove(oldest, 'disk');
    }
  }
}

/** Whether anything would be free without those of the mirror; of one that was found on the disk nobody knows. */
function holdsBytes(store: Store): (kept: KeptGeneration) => boolean {
  const known = new Map<string, boolean>();
  return ({ mirror, generation }) => {
    const holds = known.get(mirror) ?? store.kept.extraBytes(mirror).total > 0;
    known.set(mirror, holds);
    return holds || generation === null;
  };
}

/** The first whose folder is on the file system. */
async function firstOn<T>(device: number, items: readonly T[], folderOf: (item: T) => string): Promise<T | undefined> {
  for (const item of items) {
    const found = await stat(folderOf(item)).catch(() => null);
    if (found?.dev === device) return item;
  }
  return undefined;
}
