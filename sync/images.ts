import type { Settings } from '../config/settings.js';
import type { BlobStore } from '../content/blobs.js';
import type { Layout } from '../content/layout.js';
import type { Digest } from '../core/oci/digest.js';
import type { Registry } from '../core/oci/image-mirror.js';
import type { OnDemandImages } from '../core/oci/on-demand.js';
import type { BudgetState } from '../core/oci/rate-limit.js';
import { diskSpace, reserveBytes } from '../platform/disk-space.js';
import type { Log } from '../platform/log.js';
import type { Store } from '../store/open.js';
import { BlobFetches } from './upstreams/oci/fetch-blobs.js';
import type { ImageServices } from './upstreams/oci/image-services.js';
import type { ImageSource } from './upstreams/oci/image-source.js';
import { OnDemandFetcher, placeOf } from './upstreams/oci/on-demand.js';
import { ReferrerMemory } from './upstreams/oci/referrer-memory.js';
import { RegistryClients } from './upstreams/oci/registry-clients.js';
import { RegistryFailure } from './upstreams/oci/registry-failure.js';
import { UpstreamHealth } from './upstreams/oci/upstream-health.js';

export interface ImagesOptions {
  readonly settings: Settings;
  readonly store: Store;
  readonly layout: Layout;
  readonly blobs: BlobStore;
  readonly clock: () => number;
  readonly log: Log;
  /** Bytes of blobs that have just come from a registry. */
  readonly onReceived?: (registry: string, bytes: number) => void;
}

/**
 * What fetches images, for runs and for clients alike. No upstream is asked before somebody wants something of
 * it, but those that could not be asked when they last were.
 */
export interface Images {
  readonly services: ImageServices;
  readonly onDemand: OnDemandImages;
  /** How the limits of each registry stand now, by its name. */
  budgets(): Map<string, BudgetState>;
  /** Since when a registry cannot be asked; milliseconds since the epoch, null when it last answered. */
  troubleSince(registry: string): number | null;
  /**
   * Fetches a blob or manifest again that one of the repositories has; false when every upstream says that it does not
   * have it, or there is none. @throws RegistryFailure when one could not be asked; the signal's reason
   */
  refetch(digest: Digest, repositories: readonly string[], signal?: AbortSignal): Promise<boolean>;
  /** Uses other settings from now on; what is under way goes on as it was started. */
  apply(settings: Settings): void;
  /** Ends what is under way; what has come waits on the disk. The engine must have stopped. */
  close(): Promise<void>;
}

export function createImages(options: ImagesOptions): Images {
  const { store, layout, blobs, clock, log } = options;
  let settings = options.settings;
  const clients = new RegistryClients({ store, clock });
  const { onReceived } = options;
  const hasRoom = async (bytes: number): Promise<boolean> => {
    const disk = await diskSpace(layout.data);
    return disk.free - bytes >= reserveBytes(settings.sync.reserve, disk);
  };
  const fetches = new BlobFetches({
    ...{ store, layout, blobs, clock, hasRoom: () => hasRoom(0) },
    ...(onReceived ? { onReceived } : {}),
  });
  const referrers = new ReferrerMemory(clock);
  const sourceOf = (registry: Registry): ImageSource => clients.sourceOf(registry);
  const health = new UpstreamHealth({
    ...{ store, clock, log, registries: () => settings.registries },
    ping: (registry, signal) => sourceOf(registry).client.ping({ signal, urgency: 'sync' }),
  });
  const services: ImageServices = { blobs, fetches, referrers, health, sourceOf };
  const onDemand = new OnDemandFetcher({
    ...{ store, blobs, fetches, referrers, health, clock, log, sourceOf, settings: () => settings },
    isBlocked: (registry) => clients.budgetOf(registry).blockedUntil !== null,
    hasRoom: (bytes) => hasRoom(bytes + fetches.bytesLeft), // those under way still need theirs
  });
  const closing = new AbortController();
  return {
    services,
    onDemand,
    budgets: () => new Map([...settings.registries].map(([name, registry]) => [name, clients.budgetOf(registry)])),
    troubleSince: (registry) => health.troubleSince(registry),
    refetch(digest, repositories, asker) {
      const signal = asker ? AbortSignal.any([asker, closing.signal]) : closing.signal;
      return refetch({ settings, store, services, signal }, digest, repositories);
    },
    apply(next) {
      settings = next;
      onDemand.settingsChanged();
      health.settingsChanged();
    },
    async close() {
      closing.abort(new RegistryFailure('unavailable', 'Millpond is being stopped'));
      await Promise.all([health.close(), onDemand.close(), fetches.close()]);
      await clients.close();
    },
  };
}

interface RefetchParts {
  readonly settings: Settings;
  readonly store: Store;
  readonly services: ImageServices;
  readonly signal: AbortSignal;
}

async function refetch(parts: RefetchParts, digest: Digest, repositories: readonly string[]): Promise<boolean> {
  let unasked: RegistryFailure | null = null;
  for (const repository of repositories) {
    parts.signal.throwIfAborted();
    try {
      if (await refetchFor(parts, digest, repository)) return true;
    } catch (error) {
      if (!(error instanceof RegistryFailure)) throw error;
      if (error.kind !== 'not-found') unasked = error; // another repository may have it
    }
  }
  if (unasked) throw unasked;
  return false;
}

async function refetchFor(
  { settings, store, services, signal }: RefetchParts,
  digest: Digest,
  repository: string,
): Promise<boolean> {
  const place = placeOf(settings, repository);
  if (!place || store.repositories.get(repository)?.origin === 'hosted') return false;
  const source = services.sourceOf(place.registry);
  if (store.manifests.get(digest)) {
    const { bytes } = await source.client.getManifest(place.upstream, digest, { signal, urgency: 'sync' });
    await services.blobs.put(bytes, digest);
    return true;
  }
  const size = store.manifests.namedIn(repository, digest)?.size ?? null;
  const request = { source, upstreamRepository: place.upstream, repository, digest, size };
  await services.fetches.complete(request, { signal });
  return true;
}
