import { reserveBytes, diskSpace } from '../platform/disk-space.js';
import type { Settings } from '../config/settings.js';
import type { Log } from '../platform/log.js';
import type { Store } from '../store/open.js';
import type { GenerationKeeper } from './generation-keeper.js';

export interface DiskSamplerOptions {
  readonly store: Store;
  readonly settings: () => Settings;
  readonly keeper: Pick<GenerationKeeper, 'makeRoom'>;
  readonly clock: () => number;
  readonly log: Log;
}

const EVERY_MS = 10 * 60 * 1000;

/** Looks at the disk of the data folder, so that it is known how it fills; kept generations go when the reserve is used up. */
export class DiskSampler {
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(private readonly options: DiskSamplerOptions) {}

  start(): void {
    this.#look();
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  #look(): void {
    this.#looking ??= this.#sample()
      .catch((error: unknown) =>
        this.options.log.warn({ err: error }, 'the space of the data folder cannot be recorded'),
      )
      .finally(() => (this.#looking = undefined));
  }

  async #sample(): Promise<void> {
    const { store, settings, keeper, clock } = this.options;
    const { data, sync } = settings();
    const disk = await diskSpace(data);
    store.lightTransaction(() => store.diskSamples.put({ at: clock(), ...disk }));
    const reserve = reserveBytes(sync.reserve, disk);
    if (disk.free < reserve) await keeper.makeRoom(data, reserve);
  }
}
