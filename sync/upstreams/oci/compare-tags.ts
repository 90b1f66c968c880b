import { eachLimited } from '../../../content/each-limited.js';
import type { Digest } from '../../../core/oci/digest.js';
import type { ImageMirror } from '../../../core/oci/image-mirror.js';
import { isIndexType } from '../../../core/oci/media-types.js';
import { selectTags } from '../../../core/oci/tag-selection.js';
import { nameMatcher } from '../../../config/name-pattern.js';
import type { BlobStore } from '../../../content/blobs.js';
import type { Store } from '../../../store/open.js';
import type { ImageSource } from './image-source.js';
import type { TagFailures } from './tag-failures.js';
import { makeTagTools } from './tag-tools.js';
import { isComplete } from './wanted-parts.js';

const HEADS_AT_ONCE = 8;
/** A tag that a client fetched on demand is kept in step for so long after it was last pulled. Seconds. */
const KEPT_AFTER_PULL = 7 * 24 * 3600;
/** What cosign keeps about a manifest is under tags that are made of its digest (cosign, "Specifications"). */
const COSIGN = /^sha256-([a-f0-9]{64})\.(?:sig|att|sbom)$/;
const PAGE = 1_000;

export interface CompareOptions {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: () => number;
  readonly mirror: ImageMirror;
  readonly source: ImageSource;
  readonly signal: AbortSignal;
  /** Told how each tag went; what it throws ends the work. */
  readonly failures: Pick<TagFailures, 'add' | 'succeeded'>;
}

/** How tags here stand against upstream. */
export interface Comparison {
  /** Digests of all tags that could be looked at, as upstream has them. */
  readonly seen: Map<string, Digest>;
  /** Those of these digests that upstream says are indexes. */
  readonly indexes: Set<Digest>;
  /** Tags here that are as upstream has them, with all that is wanted of them. */
  readonly same: string[];
}

/** Those of upstream's tags that the operator, or a client lately, has asked for. */
export function chooseTags(
  { store, clock, mirror }: Pick<CompareOptions, 'store' | 'clock' | 'mirror'>,
  listed: readonly string[],
): string[] {
  const { tags, registry, repository, name } = mirror;
  const isOnDemand = registry.onDemand !== null && nameMatcher(registry.onDemand.allow)(repository);
  const pulledWithin = isOnDemand ? Math.max(tags.pulledWithin ?? 0, KEPT_AFTER_PULL) : tags.pulledWithin;
  return selectTags(listed, { ...tags, pulledWithin }, makeTagTools(), {
    now: clock(),
    pulledAt: (tag) => store.tags.get(name, tag)?.pulledAt ?? null,
  });
}

/** Those of upstream's tags that are signatures and the like of manifests in our repository. */
export function cosignTags(store: Store, repository: string, listed: readonly string[]): string[] {
  return listed.filter((tag) => {
    const hex = COSIGN.exec(tag)?.[1];
    return hex !== undefined && store.repositories.holds(repository, `sha256:${hex}`);
  });
}

/** Tags here that are not among `kept`. */
export function tagsBeyond(store: Store, repository: string, kept: ReadonlySet<string>): string[] {
  const beyond: string[] = [];
  for (let after = ''; ;) {
    const names = store.tags.names(repository, after, PAGE);
    beyond.push(...names.filter((tag) => !kept.has(tag)));
    const last = names.at(-1);
    if (last === undefined) return beyond;
    after = last;
  }
}

export function noComparison(): Comparison {
  return { seen: new Map(), indexes: new Set(), same: [] };
}

/**
 * Asks for the digest of each tag, which costs no pull where the registry knows HEAD. What is found is added to
 * `comparison`, also where something ends the work.
 */
export async function compareTags(
  options: CompareOptions,
  tags: readonly string[],
  comparison = noComparison(),
): Promise<Comparison> {
  const { store, mirror, failures } = options;
  const wanted = { repository: mirror.name, platforms: mirror.platforms };
  const complete = new Map<Digest, Promise<boolean>>(); // thousands of tags may have the same digest
  const isHere = (digest: Digest): Promise<boolean> => {
    const known = complete.get(digest) ?? isComplete(options, wanted, digest);
    complete.set(digest, known);
    return known;
  };
  await eachLimited(tags, HEADS_AT_ONCE, async (tag) => {
    try {
      const { digest, mediaType } = await lookUp(options, tag);
      failures.succeeded();
      comparison.seen.set(tag, digest);
      if (isIndexType(mediaType)) comparison.indexes.add(digest);
      if (store.tags.get(mirror.name, tag)?.digest !== digest) return;
      if (await isHere(digest)) comparison.same.push(tag);
    } catch (error) {
      options.signal.throwIfAborted();
      failures.add([tag], error);
    }
  });
  return comparison;
}

/** Tags by the digest that upstream has for them, without those in `left`. */
export function byDigest(seen: ReadonlyMap<string, Digest>, left: ReadonlySet<string>): Map<Digest, string[]> {
  const groups = new Map<Digest, string[]>();
  for (const [tag, digest] of seen) if (!left.has(tag)) groups.set(digest, [...(groups.get(digest) ?? []), tag]);
  return groups;
}

async function lookUp(
  { source, mirror, signal }: CompareOptions,
  tag: string,
): Promise<{ digest: Digest; mediaType: string }> {
  const how = { signal, urgency: 'sync' } as const;
  const { digest, mediaType } = await source.client.headManifest(mirror.repository, tag, how);
  return digest === null ? source.client.getManifest(mirror.repository, tag, how) : { digest, mediaType };
}
