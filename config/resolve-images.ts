import { dirname, resolve } from 'node:path';
import type { ImageMirror, OnDemandRule, Registry, TagSelection } from '../core/oci/image-mirror.js';
import { canonicalRegistry, canonicalRepository } from '../core/oci/names.js';
import { parsePlatform } from '../core/oci/platform.js';
import type { RetentionRule } from '../core/oci/retention.js';
import type { RawImage } from './image-schema.js';
import type { RawOwnRegistry, RawRegistry } from './registry-schema.js';
import type { RawSettings } from './schema.js';
import type { RegistrySettings, Settings } from './settings.js';
import { resolveTarget } from './target-schema.js';

/** The settings of images, once nothing contradicts. */
export function resolveImages(raw: RawSettings, file: string): Pick<Settings, 'registries' | 'images' | 'registry'> {
  const registries = new Map(
    Object.entries(raw.registries).map(([key, each]) => {
      const registry = resolveRegistry(canonicalRegistry(key), each, file);
      return [registry.name, registry] as const;
    }),
  );
  const images = raw.images.flatMap((each) => {
    const registry = registries.get(sourceOf(each).registry);
    return registry ? [resolveImage(each, registry)] : [];
  });
  return {
    registries,
    images: new Map(images.map((image) => [image.name, image])),
    registry: resolveOwn(raw.registry),
  };
}

/** Where an image comes from, in the one spelling of its registry. */
export function sourceOf({ from }: RawImage): { registry: string; repository: string } {
  return splitName(from);
}

/** The repository here that an image is kept in. */
export function nameOf({ from, as }: RawImage): string {
  const { registry, repository } = splitName(as ?? from);
  return `${registry}/${repository}`;
}

function splitName(name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/');
  const registry = canonicalRegistry(name.slice(0, slash));
  return { registry, repository: canonicalRepository(registry, name.slice(slash + 1)) };
}

function resolveRegistry(name: string, raw: RawRegistry, file: string): Registry {
  return {
    name,
    url: new URL(raw.url).origin,
    credentials: raw.credentials === undefined ? null : resolve(dirname(file), raw.credentials),
    budget: raw.budget ?? null,
    alias: raw.alias?.toLowerCase() ?? null,
    onDemand: raw.on_demand ? resolveOnDemand(raw.on_demand) : null,
    privateAddresses: raw.private_addresses,
  };
}

function resolveOnDemand({ allow, keep, recheck, zones, pin }: NonNullable<RawRegistry['on_demand']>): OnDemandRule {
  return { allow, keep, recheck, zones, pin };
}

function resolveImage(raw: RawImage, registry: Registry): ImageMirror {
  return {
    ...resolveTarget(nameOf(raw), raw),
    kind: 'oci',
    registry,
    repository: sourceOf(raw).repository,
    tags: resolveTags(raw.tags),
    platforms: raw.platforms.flatMap((text) => parsePlatform(text) ?? []),
    referrers: raw.referrers,
  };
}

/** A list of tags is short for including them. */
function resolveTags(raw: RawImage['tags']): TagSelection {
  if (typeof raw === 'string') return resolveTags([raw]);
  if (Array.isArray(raw))
    return { include: raw, exclude: [], semver: null, latest: null, latestOf: 'all', pulledWithin: null };
  return {
    include: raw.include,
    exclude: raw.exclude,
    semver: raw.semver ?? null,
    latest: raw.latest ?? null,
    latestOf: raw.latest_of ?? 'all',
    pulledWithin: raw.pulled_within ?? null,
  };
}

function resolveOwn({ retention, max_manifest, ...same }: RawOwnRegistry): RegistrySettings {
  return { ...same, retention: retention.map(resolveRetention), maxManifest: max_manifest };
}

function resolveRetention(raw: RawOwnRegistry['retention'][number]): RetentionRule {
  return {
    ...{ repositories: raw.repositories, tags: raw.tags },
    keepNewest: raw.keep_newest ?? null,
    olderThan: raw.older_than ?? null,
    unpulledFor: raw.unpulled_for ?? null,
  };
}
