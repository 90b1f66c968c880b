import type { ImageMirror, Registry } from '../../core/oci/image-mirror.js';
import type { ImageStatistics, RegistryStatistics } from '../../core/oci/image-statistics.js';
import { parseManifest } from '../../core/oci/manifest.js';
import type { RepositoryOrigin } from '../../core/oci/repository.js';
import { BlobStore } from '../../content/blobs.js';
import { placeManifest } from '../../content/place-manifest.js';
import { contentsOf, type Content, type Image } from '../fixtures/image-builder.js';
import { HOUR, NOW, type Scene } from './scene.js';

export const HUB: Registry = {
  name: 'docker.io',
  url: 'https://registry-1.docker.io',
  credentials: null,
  budget: { pulls: 80, window: 6 * 3600 },
  alias: 'docker.mirror.example.edu',
  onDemand: { allow: ['library/*'], keep: 500e9, recheck: 600, zones: [], pin: [] },
  privateAddresses: false,
};
export const QUAY: Registry = {
  ...HUB,
  ...{ name: 'quay.io', url: 'https://quay.io', budget: null, alias: null, onDemand: null },
};

export const HUB_USE: RegistryStatistics = {
  ...{ name: 'docker.io', remaining: 63, limit: 80, window: 6 * 3600, resetsAt: NOW + 2 * HOUR, blockedUntil: null },
  ...{ troubleSince: null, hits: 930, misses: 70, bytesFromUpstream: 4e9, bytesServed: 96e9 },
};

/** A repository that is kept in step with an upstream; its name is that of its registry with `repository`. */
export function makeImage(registry: Registry, repository: string, more: Partial<ImageMirror> = {}): ImageMirror {
  const name = `${registry.name}/${repository}`;
  return {
    ...{ kind: 'oci', name, title: name, description: '', registry, repository },
    schedule: { kind: 'every', seconds: 6 * 3600 },
    ...{ timeout: 12 * 3600, stall: 15 * 60, retry: { attempts: 5, firstBackoff: 60, maxBackoff: 3600 } },
    tags: { include: ['*'], exclude: [], semver: null, latest: null, latestOf: 'all', pulledWithin: null },
    ...{ platforms: [], referrers: true },
    ...more,
  };
}

/** Lets the settings of a scene have these registries and images. */
export function configureImages(
  scene: Scene,
  registries: readonly Registry[],
  images: readonly ImageMirror[] = [],
): void {
  scene.settings = {
    ...scene.settings,
    registries: new Map(registries.map((registry) => [registry.name, registry])),
    images: new Map(images.map((image) => [image.name, image])),
  };
}

export function statisticsOf(...registries: RegistryStatistics[]): ImageStatistics {
  return { registries: () => registries };
}

export interface StoredImage {
  readonly repository: string;
  readonly origin: RepositoryOrigin;
  readonly tags?: readonly string[];
  /** When it comes, milliseconds since the epoch. */
  readonly at?: number;
  /** Default: `at`; null of what was pushed. */
  readonly checkedAt?: number | null;
  /** Children of an index that do not come. */
  readonly without?: readonly Image[];
}

/** Puts an image with all that it names into a repository, as a fetch or a push does. */
export async function storeImage(scene: Scene, image: Image, how: StoredImage): Promise<void> {
  const { store, layout } = scene;
  const { repository, origin, tags = [], at = NOW - 2 * HOUR, without = [] } = how;
  const clock = (): number => at;
  const blobs = new BlobStore({ store, layout, clock });
  const left = new Set(without.flatMap((each) => contentsOf(each).manifests.map(({ digest }) => digest)));
  const gone = new Set(without.flatMap((each) => each.blobs.map(({ digest }) => digest)));
  const all = contentsOf(image);
  store.repositories.ensure(repository, origin, at);
  for (const { digest, bytes } of all.blobs)
    if (!gone.has(digest)) await blobs.put(bytes, digest, () => store.repositories.link(repository, digest, at));
  const checkedAt = how.checkedAt === undefined ? at : how.checkedAt;
  const place = (manifest: Content, names: readonly string[]): Promise<void> =>
    placeManifest(
      { store, blobs, clock },
      {
        ...{ repository, origin, digest: manifest.digest, bytes: manifest.bytes, tags: names, checkedAt },
        ...{ manifest: parseManifest(manifest.bytes, manifest.mediaType), keepHistory: 10, needs: 'none' },
      },
    );
  for (const manifest of all.manifests)
    if (!left.has(manifest.digest)) await place(manifest, manifest.digest === image.digest ? tags : []);
}
