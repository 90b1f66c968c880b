import type { Settings } from '../config/settings.js';
import { BlobStore } from '../content/blobs.js';
import type { Layout } from '../content/layout.js';
import { markBlobsSettled, reconcileBlobs } from '../content/reconcile-blobs.js';
import { Uploads } from '../content/uploads.js';
import { MillpondError } from '../core/errors.js';
import type { ImageMirror } from '../core/oci/image-mirror.js';
import type { ImagePlan, PlanHow } from '../core/oci/image-plan.js';
import type { Log } from '../platform/log.js';
import type { ImageControls } from '../server/control-images.js';
import { PullCounter } from '../server/oci/pull-counter.js';
import type { ImageParts } from '../server/oci/registry-deps.js';
import type { Store } from '../store/open.js';
import { createImages, type Images } from '../sync/images.js';
import { ImagesUpkeep } from '../sync/images-upkeep.js';
import { planImages } from '../sync/upstreams/oci/plan.js';
import { RegistryUse } from './registry-use.js';

export interface ImageAppOptions {
  readonly settings: () => Settings;
  readonly store: Store;
  readonly layout: Layout;
  readonly clock: () => number;
  readonly log: Log;
}

/** All that has to do with images, put together: what fetches, what serves and what keeps them. */
export interface ImageApp {
  readonly services: Images['services'];
  readonly parts: ImageParts;
  readonly statistics: RegistryUse;
  readonly pulls: Pick<PullCounter, 'totals'>;
  readonly controls: ImageControls;
  /** Begins to look after what is kept. */
  start(): void;
  apply(settings: Settings): void;
  /**
   * Nothing is stored or removed afterwards. The engine must have stopped, and connections of clients must be cut; the
   * store must still be open.
   */
  stop(): Promise<void>;
}

/** Disk and records of blobs agree when it resolves. No upstream is asked. */
export async function openImages(options: ImageAppOptions): Promise<ImageApp> {
  const { settings, store, layout, clock, log } = options;
  await reconcileBlobs({ store, layout, clock, log });
  const blobs = new BlobStore(options);
  const images: Images = createImages({
    ...{ settings: settings(), store, layout, blobs, clock, log },
    onReceived: (registry, bytes) => statistics.received(registry, bytes),
  });
  const statistics = new RegistryUse({
    ...{ settings, store, budgets: () => images.budgets() },
    troubleSince: (registry) => images.troubleSince(registry),
  });
  const uploads = new Uploads({ store, layout, clock, blobs, reserve: () => settings().sync.reserve });
  const pulls = new PullCounter({ store, clock, log });
  const refetch: Images['refetch'] = (...asked) => images.refetch(...asked);
  const upkeep = new ImagesUpkeep({ store, layout, blobs, uploads, settings, refetch, log, clock });
  const plans = new Plans(options, images.services);
  pulls.start();
  return {
    services: images.services,
    statistics,
    pulls,
    parts: {
      ...{ blobs, uploads, onDemand: statistics.watched(images.onDemand) },
      onPull: (pull) => {
        pulls.count(pull);
        statistics.pulled(pull);
      },
    },
    controls: {
      collect: (how) => upkeep.collect(how),
      scrub: (how) => upkeep.scrub(how),
      plan: (how) => plans.make(how),
    },
    start: () => upkeep.start(),
    apply: (next) => images.apply(next),
    async stop() {
      await Promise.all([upkeep.stop(), plans.stop()]);
      await images.close();
      await uploads.close();
      await blobs.close(); // last: what was left to itself above may be storing a manifest
      pulls.stop();
      await markBlobsSettled({ store, layout });
    },
  };
}

/** Plans that operators ask for, and that end when the program does. */
class Plans {
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(
    private readonly options: ImageAppOptions,
    private readonly services: Images['services'],
  ) {}

  /** @throws MillpondError not-found, unavailable when the program is being stopped */
  async *make({ name, cheap, signal: asker }: PlanHow): AsyncGenerator<ImagePlan> {
    const { settings, store, layout, clock } = this.options;
    this.#stop.signal.throwIfAborted();
    const signal = AbortSignal.any([asker, this.#stop.signal]);
    let end = (): void => undefined;
    const running = new Promise<void>((resolve) => (end = resolve));
    this.#running.add(running);
    try {
      const images = chosenImages(settings(), name);
      yield* planImages({ store, layout, clock, services: this.services, signal, cheap }, images);
    } finally {
      this.#running.delete(running);
      end();
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort(new MillpondError('unavailable', 'Millpond is being stopped'));
    await Promise.all(this.#running);
  }
}

function chosenImages({ images, file }: Settings, name: string | null): ImageMirror[] {
  if (name === null) return [...images.values()];
  const mirror = images.get(name);
  if (mirror) return [mirror];
  throw new MillpondError('not-found', `there are no images "${name}" in ${file}`, {
    hint: 'The images that are kept in step are listed by `millpond images ls`.',
  });
}
