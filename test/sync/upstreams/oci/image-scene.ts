import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Settings } from '../../../../config/settings.js';
import { BlobStore } from '../../../../content/blobs.js';
import { Layout } from '../../../../content/layout.js';
import { PublishedTrees } from '../../../../content/published-trees.js';
import type { ImageMirror, Registry, TagSelection } from '../../../../core/oci/image-mirror.js';
import { digestOf, type Digest } from '../../../../core/oci/digest.js';
import { parsePlatform, type Platform } from '../../../../core/oci/platform.js';
import type { Run } from '../../../../core/run.js';
import { createLog } from '../../../../platform/log.js';
import { openStore, type Store } from '../../../../store/open.js';
import { SyncEngine } from '../../../../sync/engine.js';
import { createImages, type Images } from '../../../../sync/images.js';
import { startDockerRegistry } from '../../../fixtures/docker-registry.js';
import { testSettings } from '../../../fixtures/engine.js';
import { startFaultyRegistry, type FaultyRegistry } from '../../../fixtures/faulty-registry.js';
import { buildImage, buildIndex, type Content, type Image } from '../../../fixtures/image-builder.js';
import { pushImage } from '../../../fixtures/image-push.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';

/** A registry, what stands before it and misbehaves when told, and a way to fill it. */
export interface Upstream {
  readonly faulty: FaultyRegistry;
  push(image: Image, ...tags: string[]): Promise<void>;
  /** Takes a tag away. */
  untag(tag: string): Promise<void>;
}

export const REPOSITORY = 'library/pond';
export const NAME = `up.test/${REPOSITORY}`;

export async function startUpstream(): Promise<Upstream> {
  const registry = await startDockerRegistry();
  onTestFinished(() => registry.stop());
  const faulty = await startFaultyRegistry(registry.url);
  onTestFinished(() => faulty.stop());
  const to = { url: registry.url, repository: REPOSITORY };
  return {
    faulty,
    push: (image, ...tags) => pushImage(to, image, tags),
    async untag(tag) {
      const folder = join(registry.storage, 'docker/registry/v2/repositories', REPOSITORY, '_manifests/tags', tag);
      await rm(folder, { recursive: true });
    },
  };
}

/** Pushes what is about an image, so that a registry without the referrers API tells of it as well. */
export async function pushReferrer(upstream: Upstream, image: Image, referrer: Image): Promise<void> {
  await upstream.push(referrer);
  await upstream.push(buildIndex([referrer]), image.digest.replace(':', '-'));
}

/** The part of the program that fetches images, on a data folder of its own. */
export interface Pond {
  readonly images: Images;
  readonly store: Store;
  readonly layout: Layout;
  readonly blobs: BlobStore;
  readonly engine: SyncEngine;
  readonly clock: { now: number };
  settings: Settings;
  sync(options?: { force?: boolean }): Promise<Run>;
  log(run: Run): string;
  stop(): Promise<void>;
}

export interface PondOptions {
  readonly folder?: string;
  readonly registry?: Partial<Registry>;
  readonly mirror?: Partial<Omit<ImageMirror, 'tags' | 'platforms'>>;
  readonly tags?: Partial<TagSelection>;
  readonly platforms?: readonly string[];
  /** Whether the repository is kept in step at all; default: yes. */
  readonly isMirrored?: boolean;
  readonly sync?: Partial<Settings['sync']>;
  /** The clock stands still until it is moved; default: it is that of the machine. */
  readonly stillClock?: boolean;
}

export async function startPond(url: string, options: PondOptions = {}): Promise<Pond> {
  const settings = settingsOf(options.folder ?? (await tempFolder()), url, options);
  mkdirSync(settings.data, { recursive: true });
  const clock = { now: Date.UTC(2026, 0, 2) };
  const now = options.stillClock ? (): number => clock.now : Date.now;
  const layout = new Layout(settings.data);
  const store = openStore(layout.stateDb);
  const blobs = new BlobStore({ store, layout, clock: now });
  const log = createLog('silent');
  const images = createImages({ settings, store, layout, blobs, clock: now, log });
  const engine = new SyncEngine({
    ...{ settings, store, layout, log, clock: now, trees: new PublishedTrees(), random: () => 0 },
    images: images.services,
  });
  engine.start();
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    await engine.stop();
    await images.close();
    store.close();
  };
  onTestFinished(stop);
  return {
    ...{ images, store, layout, blobs, engine, clock, settings, stop },
    sync: (how) => endOf(engine, engine.trigger(NAME, 'manual', how).id),
    log: (run) => readFileSync(layout.log(NAME, run.id), 'utf8'),
  };
}

export function endOf(engine: SyncEngine, id: number): Promise<Run> {
  return new Promise((resolve) => {
    const leave = engine.subscribe((event) => {
      if (event.type !== 'run.ended' || event.run.id !== id) return;
      leave();
      resolve(event.run);
    });
  });
}

function settingsOf(folder: string, url: string, options: PondOptions): Settings {
  const registry: Registry = {
    ...{ name: 'up.test', url, credentials: null, budget: null, alias: null, onDemand: null, privateAddresses: true },
    ...options.registry,
  };
  const mirror: ImageMirror = {
    ...{ name: NAME, title: NAME, description: '', kind: 'oci', schedule: { kind: 'manual' }, timeout: 300, stall: 30 },
    ...{ retry: { attempts: 3, firstBackoff: 3_000, maxBackoff: 10_000 }, registry, repository: REPOSITORY },
    ...{ referrers: false, ...options.mirror },
    platforms: (options.platforms ?? []).map((text) => parsePlatform(text)).filter((one): one is Platform => !!one),
    tags: {
      ...{ include: ['*'], exclude: ['sha256-*'], semver: null, latest: null, latestOf: 'all', pulledWithin: null },
      ...options.tags,
    },
  };
  return {
    ...testSettings(folder, [], options.sync),
    registries: new Map([[registry.name, registry]]),
    images: options.isMirrored === false ? new Map() : new Map([[NAME, mirror]]),
  };
}

/** An index of two platforms, a layer each. */
export function twoPlatforms(seed: string, size = 2_000): Image {
  return buildIndex([
    buildImage({ seed: `${seed}/amd64`, layers: [size] }),
    buildImage({ seed: `${seed}/arm64`, layers: [size], platform: 'linux/arm64' }),
  ]);
}

/** The first layer of an image of one platform. */
export function layerOf(image: Image): Content {
  const layer = image.blobs[1];
  if (!layer) throw new Error('it has no layer');
  return layer;
}

/** Digests of everything below an image that the repository has on the disk, with the right bytes, and that it lacks. */
export function heldOf(pond: Pond, image: Image, repository = NAME): { has: Digest[]; lacks: Digest[] } {
  const result: { has: Digest[]; lacks: Digest[] } = { has: [], lacks: [] };
  const look = (digest: Digest): void => {
    const isHere = pond.store.blobs.get(digest) !== undefined && pond.store.repositories.holds(repository, digest);
    if (isHere && digestOf(readFileSync(pond.layout.blob(digest)), digest.split(':')[0]) !== digest)
      throw new Error(`${digest} has other bytes`);
    result[isHere ? 'has' : 'lacks'].push(digest);
  };
  const walk = (one: Image): void => {
    look(one.digest);
    for (const blob of one.blobs) look(blob.digest);
    for (const child of one.children) walk(child);
  };
  walk(image);
  return result;
}

/** Names of files of unfinished fetches. */
export function unfinished(pond: Pond): string[] {
  try {
    return readdirSync(pond.layout.uploadsFolder).filter((name) => name.startsWith('fetch-'));
  } catch {
    return [];
  }
}
