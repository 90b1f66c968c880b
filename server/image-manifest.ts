import { LRUCache } from 'lru-cache';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BlobStore } from '../content/blobs.js';
import type { Digest } from '../core/oci/digest.js';
import { isIndexType } from '../core/oci/media-types.js';
import { platformText } from '../core/oci/platform.js';
import type { FormerTag, Tag } from '../core/oci/repository.js';
import type { PlacedPart } from '../store/image-pages.js';
import type { ManifestRecord } from '../store/manifests.js';
import type { Store } from '../store/open.js';
import { namedTexts, readImageConfig, type ImageConfig, type NamedText } from './image-config.js';
import { findReferrers } from './oci/referrers.js';
import { shownText } from './shown-text.js';

export interface ManifestDeps {
  readonly store: Store;
  readonly images: { readonly blobs: BlobStore };
}

/** A manifest of a repository as pages and the API show it. Times are milliseconds since the epoch, UTC; sizes bytes. */
export interface ManifestView {
  readonly repository: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly kind: 'index' | 'image' | 'artifact';
  readonly artifactType: string | null;
  /** Of the manifest itself, and with all below it that is here; that is up to a minute old. */
  readonly size: number;
  readonly totalSize: number;
  readonly storedAt: number | null;
  readonly pulledAt: number | null;
  /** Tags that point to it; a hundred at most. */
  readonly tags: readonly string[];
  readonly subject: { readonly digest: Digest; readonly isHere: boolean } | null;
  readonly annotations: readonly NamedText[];
  readonly platforms: readonly PlatformView[];
  readonly layers: readonly LayerView[];
  /** Of an image, where it is here and can be read. */
  readonly config: (ImageConfig & { readonly digest: Digest; readonly size: number }) | null;
  readonly referrers: readonly ReferrerView[];
  /** Whether there is more of anything above than is told. */
  readonly cut: boolean;
}

/** A child of an index. */
export interface PlatformView {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Null where none is given, as of an attestation. */
  readonly platform: string | null;
  /** With all below it; null when it is not here. */
  readonly totalSize: number | null;
  readonly isHere: boolean;
}

export interface LayerView {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly isHere: boolean;
  /** One that is not to be distributed, and is fetched from elsewhere. */
  readonly isForeign: boolean;
  /** What made it, as the configuration tells. */
  readonly step: string;
}

export interface ReferrerView {
  readonly digest: Digest;
  readonly artifactType: string;
  readonly size: number;
}

/** A tag in a list of tags. */
export interface TagView extends Omit<Tag, 'repository'> {
  /** Children of an index, or the one platform of an image; empty where none is known. */
  readonly platforms: readonly Pick<PlatformView, 'platform' | 'isHere'>[];
  /** Bytes of all that is here of it. */
  readonly size: number;
}

const MOST_PARTS = 500;
const MOST_CHILDREN = 200;
const MOST_TAGS = 100;
const MOST_REFERRERS = 100;
const MOST_HISTORY = 50;
/** Sizes are sums over all below a manifest: they are made once in so many milliseconds. */
const SIZE_KEPT = 60_000;
const MOST_SIZES = 20_000;
const sizesBelow = new WeakMap<Store, LRUCache<string, number>>();
/** A digest means the same for ever. */
const platformsByConfig = new LRUCache<Digest, { platform: string | null }>({ max: 10_000 });
const PLAIN_CONFIG = /^application\/vnd\.(?:oci\.image\.config|docker\.container\.image)\.v1\+json$/;

/** Undefined when the repository has no manifest of this digest. */
export async function manifestView(
  deps: ManifestDeps,
  repository: string,
  digest: Digest,
): Promise<ManifestView | undefined> {
  const { store } = deps;
  const content = store.repositories.content(repository, digest);
  const record = store.manifests.get(digest);
  if (!content || !record) return undefined;
  const parts = store.imagePages.parts(repository, digest, MOST_PARTS);
  const tags = store.tags.ofDigest(repository, digest);
  const referrers = findReferrers(store, { repository, digest }, '');
  const config = await configOf(deps, parts);
  const children = parts.filter(({ role }) => role === 'manifest');
  const platforms: PlatformView[] = [];
  for (const part of children.slice(0, MOST_CHILDREN)) platforms.push(await childView(store, repository, part));
  return {
    ...{ repository, digest, mediaType: record.mediaType, kind: kindOf(record) },
    artifactType: record.artifactType === null ? null : shownText(record.artifactType, 200),
    ...{ size: record.size, totalSize: await sizeBelow(store, repository, digest) },
    ...{ storedAt: store.blobs.get(digest)?.storedAt ?? null, pulledAt: content.pulledAt },
    tags: tags.slice(0, MOST_TAGS).map(({ tag }) => tag),
    subject: record.subject === null ? null : placed(store, repository, record.subject),
    annotations: namedTexts(record.annotations),
    platforms,
    layers: layersOf(parts, config),
    config,
    referrers: referrers.slice(0, MOST_REFERRERS).map(({ digest: about, artifactType, size: bytes }) => {
      return { digest: about, artifactType: shownText(artifactType ?? '', 200), size: bytes };
    }),
    cut:
      parts.length >= MOST_PARTS ||
      children.length > MOST_CHILDREN ||
      tags.length > MOST_TAGS ||
      referrers.length > MOST_REFERRERS,
  };
}

/** The tag with what it pointed to before, newest first; undefined when the repository has no such tag. */
export function tagWithHistory(
  { store }: Pick<ManifestDeps, 'store'>,
  repository: string,
  tag: string,
): { tag: Tag; history: (FormerTag & { readonly isHere: boolean })[] } | undefined {
  const found = store.tags.get(repository, tag);
  const history = store.tags.history(repository, tag, MOST_HISTORY).map((former) => ({
    ...former,
    isHere: store.repositories.holds(repository, former.digest) && store.blobs.get(former.digest) !== undefined,
  }));
  return found && { tag: found, history };
}

/** Tags with what a list of them shows. */
export async function tagViews(deps: ManifestDeps, tags: readonly Tag[]): Promise<TagView[]> {
  const views: TagView[] = [];
  for (const { repository, ...tag } of tags) {
    await nextTurn();
    const parts = deps.store.imagePages.parts(repository, tag.digest, MOST_CHILDREN);
    const size = await sizeBelow(deps.store, repository, tag.digest);
    views.push({ ...tag, platforms: await platformsOf(deps, parts), size });
  }
  return views;
}

async function platformsOf(deps: ManifestDeps, parts: readonly PlacedPart[]): Promise<TagView['platforms']> {
  const config = parts.find(({ role }) => role === 'config');
  if (config) {
    const platform = await platformOfConfig(deps, config);
    return platform === null ? [] : [{ platform, isHere: true }];
  }
  const found = new Map<string, boolean>();
  for (const { platform, isHere } of parts) {
    const name = platformName(platform);
    if (name !== null) found.set(name, isHere || found.get(name) === true);
  }
  return [...found].map(([platform, isHere]) => ({ platform, isHere }));
}

async function platformOfConfig(deps: ManifestDeps, { digest, mediaType, isHere }: PlacedPart): Promise<string | null> {
  if (!isHere || !PLAIN_CONFIG.test(mediaType)) return null;
  const known = platformsByConfig.get(digest);
  if (known) return known.platform;
  const config = await readImageConfig(deps.images.blobs, digest);
  if (config) platformsByConfig.set(digest, { platform: config.platform });
  return config?.platform ?? null;
}

async function configOf(deps: ManifestDeps, parts: readonly PlacedPart[]): Promise<ManifestView['config']> {
  const part = parts.find(({ role }) => role === 'config');
  // a blob that is here for another repository is not shown in this one
  if (!part?.isHere || !PLAIN_CONFIG.test(part.mediaType)) return null;
  const config = await readImageConfig(deps.images.blobs, part.digest);
  return config && { ...config, digest: part.digest, size: part.size };
}

/** What made a layer is told only where there are as many steps as layers. */
function layersOf(parts: readonly PlacedPart[], config: ManifestView['config']): LayerView[] {
  const layers = parts.filter(({ role }) => role === 'layer');
  const steps = config?.steps.length === layers.length ? config.steps : [];
  return layers.map(({ digest, mediaType, size, isHere, foreign }, index) => {
    return { digest, mediaType, size, isHere, isForeign: foreign, step: steps[index] ?? '' };
  });
}

async function childView(store: Store, repository: string, part: PlacedPart): Promise<PlatformView> {
  const { digest, mediaType, isHere, platform } = part;
  const totalSize = isHere ? await sizeBelow(store, repository, digest) : null;
  return { digest, mediaType, platform: platformName(platform), totalSize, isHere };
}

/** With a turn for everybody else before it is summed up. */
async function sizeBelow(store: Store, repository: string, digest: Digest): Promise<number> {
  let kept = sizesBelow.get(store);
  if (!kept) sizesBelow.set(store, (kept = new LRUCache({ max: MOST_SIZES, ttl: SIZE_KEPT })));
  const key = `${repository}@${digest}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  await nextTurn();
  const size = store.imagePages.bytesBelow(repository, digest);
  kept.set(key, size);
  return size;
}

/** BuildKit gives attestations the platform `unknown/unknown`. */
function platformName(platform: PlacedPart['platform']): string | null {
  return platform === null || platform.os === 'unknown' ? null : platformText(platform);
}

function placed(store: Store, repository: string, digest: Digest): { digest: Digest; isHere: boolean } {
  return { digest, isHere: store.repositories.holds(repository, digest) };
}

function kindOf({ mediaType, artifactType }: ManifestRecord): ManifestView['kind'] {
  if (isIndexType(mediaType)) return 'index';
  return artifactType === null || PLAIN_CONFIG.test(artifactType) ? 'image' : 'artifact';
}
