import { followedUpstream } from '../../../config/followed-upstream.js';
import { nameMatcher, type NameMatcher } from '../../../config/name-pattern.js';
import type { Settings } from '../../../config/settings.js';
import type { BlobStore } from '../../../content/blobs.js';
import { eachLimited } from '../../../content/each-limited.js';
import { placeManifest } from '../../../content/place-manifest.js';
import { isDigest, type Digest } from '../../../core/oci/digest.js';
import { OciError } from '../../../core/oci/errors.js';
import type { OnDemandRule, Registry } from '../../../core/oci/image-mirror.js';
import { parseManifest } from '../../../core/oci/manifest.js';
import { earlierOf, type BlobReader, type Freshness, type OnDemandImages } from '../../../core/oci/on-demand.js';
import type { Tag } from '../../../core/oci/repository.js';
import type { Store } from '../../../store/open.js';
import { CacheRoom, type CacheRoomOptions } from './cache-room.js';
import type { BlobFetches } from './fetch-blobs.js';
import type { ImageSource } from './image-source.js';
import { NotFoundMemory } from './not-found-memory.js';
import { orAborted } from './or-aborted.js';
import { isStaleBetter, toOciError, withOciErrors } from './on-demand-errors.js';
import type { ReferrerMemory } from './referrer-memory.js';
import { RegistryFailure } from './registry-failure.js';
import type { UpstreamHealth } from './upstream-health.js';
import { readKnown, type ReadManifest } from './wanted-parts.js';

export interface OnDemandOptions {
  readonly settings: () => Settings;
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly fetches: BlobFetches;
  readonly referrers: ReferrerMemory;
  readonly clock: () => number;
  readonly log: CacheRoomOptions['log'];
  readonly sourceOf: (registry: Registry) => ImageSource;
  readonly health: UpstreamHealth;
  /** Whether a registry has asked to be left alone for now. */
  readonly isBlocked: (registry: Registry) => boolean;
  /** Whether the disk has room above its reserve for so many bytes more. */
  readonly hasRoom: (bytes: number) => Promise<boolean>;
}

/** A repository here and where it comes from. */
export interface UpstreamPlace {
  readonly repository: string;
  readonly registry: Registry;
  /** As the registry has it. */
  readonly upstream: string;
}

/** How long a client waits for upstream: shorter where there is something to give. Milliseconds. */
const CHECK_MS = 5_000;
const FETCH_MS = 25_000; // containerd gives up after 30 s
/** Blobs that are fetched for clients at once; more would only slow each other down. */
const MOST_FETCHES = 100;
/** Blobs at once of which only upstream knows whether it has them. */
const MOST_LOOKUPS = 50;
/** Of one manifest; fetched at once. */
const MOST_REFERRERS = 100;
const REFERRERS_AT_ONCE = 4;
/** Seconds. */
const BUSY_RETRY = 10;
const NO_ROOM_RETRY = 600;

/** Gets what clients ask for and what is not here, from the registries of the configuration and from nowhere else. */
export class OnDemandFetcher implements OnDemandImages {
  readonly #matchers = new WeakMap<OnDemandRule, NameMatcher>();
  readonly #underWay = new Map<string, Promise<Freshness | null>>();
  readonly #lookups = new Map<string, Promise<number | null>>();
  /** Tags that upstream is still asked for, though nobody waits. */
  readonly #slow = new Map<string, Promise<void>>();
  readonly #notFound: NotFoundMemory;
  readonly #health: UpstreamHealth;
  readonly #room: CacheRoom;
  readonly #closing = new AbortController();

  constructor(private readonly options: OnDemandOptions) {
    this.#health = options.health;
    this.#room = new CacheRoom(options);
    this.#notFound = new NotFoundMemory(options.clock);
  }

  allows(repository: string, zone: string | null): boolean {
    const place = placeOf(this.options.settings(), repository);
    const rule = place?.registry.onDemand;
    if (!place || !rule) return false;
    const matches = this.#matchers.get(rule) ?? nameMatcher(rule.allow);
    this.#matchers.set(rule, matches);
    return matches(place.upstream) && (rule.zones.length === 0 || (zone !== null && rule.zones.includes(zone)));
  }

  async bringManifest(repository: string, reference: string): Promise<Freshness | null> {
    const { store } = this.options;
    const settings = this.options.settings();
    const place = placeOf(settings, repository);
    if (!place || store.repositories.get(repository)?.origin === 'hosted') return null;
    if (isDigest(reference)) {
      if (store.repositories.holds(repository, reference) && store.blobs.get(reference)) return null;
      return this.#once(`${repository}@${reference}`, () => this.#bringByDigest(place, reference));
    }
    const tag = store.tags.get(repository, reference);
    const isHere = tag !== undefined && store.blobs.get(tag.digest) !== undefined;
    if (isHere && settings.images.has(repository)) return null; // kept in step by its own runs
    if (isHere && tag.checkedAt !== null && this.#isFresh(tag.checkedAt, place))
      return { checkedAt: tag.checkedAt, staleSince: null };
    return this.#once(`${repository}:${reference}`, () => this.#bringByTag(place, reference, isHere ? tag : null));
  }

  async bringReferrers(repository: string, digest: Digest): Promise<void> {
    const { store, referrers } = this.options;
    const settings = this.options.settings();
    const place = placeOf(settings, repository);
    // what is mirrored is kept in step by its own runs, and nothing is about what nobody has fetched
    if (!place || settings.images.has(repository) || !store.repositories.holds(repository, digest)) return;
    if (store.repositories.get(repository)?.origin === 'hosted') return;
    const recheck = (place.registry.onDemand?.recheck ?? 0) * 1000;
    if (!referrers.isDue(repository, digest, recheck)) return;
    try {
      await this.#once(`${repository}@${digest}?referrers`, () => this.#bringReferrers(place, digest));
    } catch (error) {
      const [known] = store.manifests.referrers(repository, digest, { after: '', limit: 1 });
      if (!known) throw error;
    }
  }

  async openBlob(repository: string, digest: Digest): Promise<BlobReader | null> {
    const place = placeOf(this.options.settings(), repository);
    if (!place) return null;
    try {
      return await this.#openBlob(place, digest);
    } catch (error) {
      throw toOciError(error, 'BLOB_UNKNOWN');
    }
  }

  /** Limits may have changed. */
  settingsChanged(): void {
    this.#room.reset();
    this.#notFound.clear();
  }

  staleSince(repository: string): number | null {
    const place = placeOf(this.options.settings(), repository);
    if (!place || this.options.store.repositories.get(repository)?.origin === 'hosted') return null;
    return this.#health.troubleSince(place.registry.name);
  }

  async close(): Promise<void> {
    this.#closing.abort(new RegistryFailure('unavailable', 'Millpond is being stopped'));
    await Promise.allSettled([...this.#underWay.values(), ...this.#lookups.values(), ...this.#slow.values()]);
    await this.#room.close();
  }

  /** Many clients ask for the same at the same time: upstream is asked once. */
  #once(key: string, work: () => Promise<Freshness | null>): Promise<Freshness | null> {
    const underWay = this.#underWay.get(key);
    if (underWay) return underWay;
    const bringing = work()
      .catch((error: unknown) => {
        throw toOciError(error, 'MANIFEST_UNKNOWN');
      })
      .finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, bringing);
    return bringing;
  }

  #isFresh(checkedAt: number, { registry }: UpstreamPlace): boolean {
    return this.options.clock() - checkedAt < (registry.onDemand?.recheck ?? 0) * 1000;
  }

  async #bringByTag(place: UpstreamPlace, name: string, known: Tag | null): Promise<Freshness> {
    const { registry, repository } = place;
    const key = `${repository}:${name}`;
    // of one that is slow to answer, what it says is for those who ask later
    if (known && (this.#health.isLeftAlone(registry.name) || this.#slow.has(key)))
      return this.#stale(place, known, null);
    const following = this.#ask(place, FETCH_MS, (signal) => this.#followTag(place, name, { known, signal }));
    try {
      await (known ? this.#beforeLong(key, registry, following) : following);
      return { checkedAt: this.options.clock(), staleSince: null };
    } catch (error) {
      if (known && isStaleBetter(error) && !isNotFound(error)) return this.#stale(place, known, error);
      throw error;
    }
  }

  /** Waits for an answer as long as a client should who could have what is here; a later one is still taken. */
  async #beforeLong(key: string, registry: Registry, following: Promise<void>): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(() => {
      const ended = following.catch(() => undefined).finally(() => this.#slow.delete(key));
      this.#slow.set(key, ended);
      late.abort(this.#outOfTime(registry));
    }, CHECK_MS);
    await orAborted(following, late.signal).finally(() => clearTimeout(timer));
  }

  async #followTag(place: UpstreamPlace, name: string, how: { known: Tag | null; signal: AbortSignal }): Promise<void> {
    try {
      await this.#compareTag(place, name, how);
    } catch (error) {
      if (isNotFound(error)) this.#forgetTag(place, name);
      throw error;
    }
  }

  async #compareTag(
    place: UpstreamPlace,
    name: string,
    { known, signal }: { known: Tag | null; signal: AbortSignal },
  ): Promise<void> {
    const { store, clock } = this.options;
    const { client } = this.options.sourceOf(place.registry);
    const how = { signal, urgency: 'on-demand' } as const;
    const head = await client.headManifest(place.upstream, name, how);
    const digest = head.digest ?? (await client.getManifest(place.upstream, name, how)).digest;
    if (known?.digest === digest) return store.tags.setChecked(place.repository, name, clock());
    await this.#place(place, digest, { tags: [name], signal });
  }

  async #bringByDigest(place: UpstreamPlace, digest: Digest): Promise<null> {
    const { store, sourceOf } = this.options;
    const bring = async (signal: AbortSignal): Promise<void> => {
      // HEAD costs no pull, and what another repository has is given away only where upstream has it here as well
      if (!store.manifests.namedIn(place.repository, digest))
        await sourceOf(place.registry).client.headManifest(place.upstream, digest, { signal, urgency: 'on-demand' });
      await this.#place(place, digest, { tags: [], signal });
    };
    await this.#notFound.around(`${place.repository}@${digest}`, () => this.#ask(place, FETCH_MS, bring));
    return null;
  }

  /** Only the manifests: their blobs come when a client wants them. */
  async #bringReferrers(place: UpstreamPlace, digest: Digest): Promise<null> {
    const { store, referrers, sourceOf } = this.options;
    const { repository, registry, upstream } = place;
    await this.#ask(place, FETCH_MS, async (signal) => {
      const how = { signal, urgency: 'on-demand' } as const;
      const found = await sourceOf(registry).client.referrers(upstream, digest, how);
      const missing = found.filter((one) => !store.repositories.holds(repository, one.digest));
      await eachLimited(missing.slice(0, MOST_REFERRERS), REFERRERS_AT_ONCE, (one) =>
        this.#place(place, one.digest, { tags: [], signal }),
      );
    });
    referrers.asked(repository, digest);
    return null;
  }

  async #place(
    place: UpstreamPlace,
    digest: Digest,
    { tags, signal }: { tags: readonly string[]; signal: AbortSignal },
  ): Promise<void> {
    const { store, blobs, clock, settings } = this.options;
    const { bytes, manifest } = (await readKnown(this.options, digest)) ?? (await this.#get(place, digest, signal));
    const keepHistory = settings().registry.keep.history;
    await placeManifest(
      { store, blobs, clock },
      {
        ...{ repository: place.repository, origin: 'cached', digest, bytes, manifest, tags, needs: 'none' },
        ...{ checkedAt: clock(), keepHistory },
      },
    );
    this.#room.added(place.registry, bytes.length);
  }

  async #get(place: UpstreamPlace, digest: Digest, signal: AbortSignal): Promise<ReadManifest> {
    const { client } = this.options.sourceOf(place.registry);
    const { bytes, mediaType } = await client.getManifest(place.upstream, digest, { signal, urgency: 'on-demand' });
    return { bytes, manifest: parseManifest(bytes, mediaType) };
  }

  async #openBlob(place: UpstreamPlace, digest: Digest): Promise<BlobReader | null> {
    const { store, fetches, sourceOf } = this.options;
    const { repository, registry, upstream } = place;
    const source = sourceOf(registry);
    const size = store.manifests.namedIn(repository, digest)?.size ?? (await this.#lookUp(place, digest));
    if (!store.blobs.get(digest) && !fetches.isUnderWay(digest)) await this.#refuseNew(place, size ?? 0);
    const onStored = (): void => this.#room.added(registry, size ?? 0);
    const request = { source, upstreamRepository: upstream, repository, digest, size };
    const reader = await this.#heeding(place, fetches.open(request, onStored));
    return reader && withOciErrors(reader);
  }

  /** @throws OciError, RegistryFailure when another fetch cannot begin now */
  async #refuseNew({ registry }: UpstreamPlace, size: number): Promise<void> {
    const { fetches, hasRoom } = this.options;
    this.#health.refuseUnreachable(registry.name);
    if (fetches.forClients >= MOST_FETCHES)
      throw new OciError('TOOMANYREQUESTS', { message: 'too many blobs are being fetched', retryAfter: BUSY_RETRY });
    if (!(await hasRoom(size)))
      throw new OciError('UNAVAILABLE', {
        message: 'there is no room on the disk for this blob',
        retryAfter: NO_ROOM_RETRY,
      });
  }

  /** Many may ask for the same, and for what nobody has. */
  #lookUp(place: UpstreamPlace, digest: Digest): Promise<number | null> {
    const key = `${place.repository}@${digest}`;
    return this.#notFound.around(`${key}?blob`, () => {
      const underWay = this.#lookups.get(key);
      if (underWay) return underWay;
      if (this.#lookups.size >= MOST_LOOKUPS)
        throw new OciError('TOOMANYREQUESTS', {
          message: 'too many blobs are being looked for',
          retryAfter: BUSY_RETRY,
        });
      const lookup = this.#sizeAtUpstream(place, digest).finally(() => this.#lookups.delete(key));
      this.#lookups.set(key, lookup);
      return lookup;
    });
  }

  /** Only upstream knows whether a blob is in a repository that has no manifest here which names it. */
  async #sizeAtUpstream(place: UpstreamPlace, digest: Digest): Promise<number | null> {
    const { store, sourceOf, clock } = this.options;
    const size = await this.#ask(place, FETCH_MS, async (signal) => {
      const remote = await sourceOf(place.registry).client.openBlob(place.upstream, digest, {
        ...{ signal, urgency: 'on-demand' },
      });
      remote.destroy();
      return remote.size;
    });
    store.repositories.ensure(place.repository, 'cached', clock());
    return size;
  }

  /** Asks upstream for at most so many milliseconds, and remembers whether it answered. */
  async #ask<T>(place: UpstreamPlace, limit: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { registry } = place;
    this.#health.refuseUnreachable(registry.name);
    const closing = this.#closing.signal;
    closing.throwIfAborted();
    const controller = new AbortController();
    const onClose = (): void => controller.abort(closing.reason);
    const onTimeout = (): void => controller.abort(this.#outOfTime(registry));
    const timer = setTimeout(onTimeout, limit);
    closing.addEventListener('abort', onClose, { once: true });
    try {
      return await this.#heeding(place, orAborted(work(controller.signal), controller.signal));
    } finally {
      clearTimeout(timer);
      closing.removeEventListener('abort', onClose);
    }
  }

  /** Waiting because it was asked to wait is no fault of the registry. */
  #outOfTime(registry: Registry): RegistryFailure {
    return this.options.isBlocked(registry)
      ? new RegistryFailure('rate-limited', `${registry.name} asks to be left alone`)
      : new RegistryFailure('timeout', `${registry.name} does not answer in time`);
  }

  async #heeding<T>({ registry }: UpstreamPlace, work: Promise<T>): Promise<T> {
    try {
      const result = await work;
      this.#health.answered(registry.name);
      return result;
    } catch (error) {
      this.#health.failed(registry.name, error);
      throw error;
    }
  }

  #stale({ repository, registry }: UpstreamPlace, tag: Tag, error: unknown): Freshness {
    const { store, clock } = this.options;
    const now = clock();
    const since = earlierOf(this.#health.troubleSince(registry.name), tag.staleSince);
    // of a fault of ours, such as a full disk, nothing could be written, and the end of the program is none of upstream
    const isOfUpstream = error instanceof RegistryFailure || error instanceof OciError;
    if (since === null && isOfUpstream && !this.#closing.signal.aborted) store.tags.setStale(repository, tag.tag, now);
    return { checkedAt: tag.checkedAt ?? tag.movedAt, staleSince: since ?? now };
  }

  /** Upstream says that it has the tag no more. What is mirrored is removed by its own runs, which may doubt it. */
  #forgetTag({ repository }: UpstreamPlace, name: string): void {
    const { store, clock } = this.options;
    if (store.repositories.get(repository)?.origin !== 'cached') return;
    store.transaction(() => store.tags.remove(repository, name, clock()));
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof RegistryFailure && error.kind === 'not-found';
}

/** Where a repository comes from: its own entry in the configuration, else the registry that its name begins with. */
export function placeOf(settings: Settings, repository: string): UpstreamPlace | null {
  const followed = followedUpstream(settings, repository);
  return followed && { repository, ...followed };
}
