import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { onTestFinished } from 'vitest';
import { BlobStore } from '../../content/blobs.js';
import { collectGarbage, type Candidate, type CollectHow, type CollectReport } from '../../content/collect-garbage.js';
import { Layout } from '../../content/layout.js';
import { placeManifest } from '../../content/place-manifest.js';
import type { Digest } from '../../core/oci/digest.js';
import { parseManifest } from '../../core/oci/manifest.js';
import type { RepositoryOrigin } from '../../core/oci/repository.js';
import { openStore, type Store } from '../../store/open.js';
import { contentsOf, type Content, type Image } from '../fixtures/image-builder.js';
import { tempFolder } from '../fixtures/temp-folder.js';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** A real store and disk with a clock that a test sets, and pushes as the registry makes them. */
export class ImageStore {
  now = Date.UTC(2026, 10, 23, 14, 0);
  keep = { untagged: 7 * 86_400, history: 2, grace: 3_600 };
  readonly clock = (): number => this.now;
  readonly blobs: BlobStore;
  #uploads = 0;

  private constructor(
    readonly folder: string,
    readonly layout: Layout,
    readonly store: Store,
  ) {
    this.blobs = new BlobStore({ store, layout, clock: this.clock });
  }

  static async open(): Promise<ImageStore> {
    const folder = await tempFolder();
    const layout = new Layout(folder);
    const store = openStore(layout.stateDb);
    onTestFinished(() => store.close());
    return new ImageStore(folder, layout, store);
  }

  /** Over a store that somebody else closes. */
  static over({ folder, layout, store }: { folder: string; layout: Layout; store: Store }): ImageStore {
    return new ImageStore(folder, layout, store);
  }

  /** Stores a blob in a repository, as the end of an upload does. */
  async pushBlob(repository: string, content: Content, origin: RepositoryOrigin = 'hosted'): Promise<void> {
    const { store, layout } = this;
    const path = layout.upload(`upload-${++this.#uploads}`);
    await mkdir(layout.uploadsFolder, { recursive: true });
    await writeFile(path, content.bytes);
    await this.blobs.adopt(path, { digest: content.digest, size: content.bytes.length }, () => {
      store.repositories.ensure(repository, origin, this.now);
      store.repositories.link(repository, content.digest, this.now);
    });
  }

  async pushManifest(
    repository: string,
    image: Content,
    { tags = [], origin = 'hosted' }: { tags?: readonly string[]; origin?: RepositoryOrigin } = {},
  ): Promise<void> {
    await placeManifest(this, {
      ...{ repository, origin, tags, digest: image.digest, bytes: image.bytes },
      manifest: parseManifest(image.bytes, image.mediaType),
      checkedAt: origin === 'hosted' ? null : this.now,
      keepHistory: this.keep.history,
      needs: origin === 'hosted' ? 'all' : 'none',
    });
  }

  /** Stores all of an image; `tags` point to the image itself, not to what it names. */
  async push(
    repository: string,
    image: Image,
    { tags = [], origin = 'hosted' }: { tags?: readonly string[]; origin?: RepositoryOrigin } = {},
  ): Promise<void> {
    const { blobs, manifests } = contentsOf(image);
    for (const blob of blobs) await this.pushBlob(repository, blob, origin);
    for (const manifest of manifests)
      await this.pushManifest(repository, manifest, { origin, tags: manifest.digest === image.digest ? tags : [] });
  }

  untag(repository: string, tag: string): void {
    this.store.transaction(() => this.store.tags.remove(repository, tag, this.now));
  }

  async collect(how: CollectHow = {}): Promise<CollectReport & { candidates: Candidate[] }> {
    const candidates: Candidate[] = [];
    const report = await collectGarbage(this, { onCandidate: (candidate) => void candidates.push(candidate), ...how });
    return { ...report, candidates };
  }

  /** Whether the blob is recorded, and whether its file is there: the two must agree. */
  has(digest: Digest): boolean {
    const isThere = existsSync(this.layout.blob(digest));
    const isRecorded = this.store.blobs.get(digest) !== undefined;
    if (isThere !== isRecorded) throw new Error(`${digest}: file ${isThere}, record ${isRecorded}`);
    return isThere;
  }

  /** Whether all of an image is on the disk and in the repository. */
  isWhole(repository: string, image: Image): boolean {
    return this.#all(image).every((digest) => this.has(digest) && this.store.repositories.holds(repository, digest));
  }

  /** Whether nothing of an image is on the disk. */
  isGone(image: Image): boolean {
    return this.#all(image).every((digest) => !this.has(digest));
  }

  #all(image: Image): Digest[] {
    const { blobs, manifests } = contentsOf(image);
    return [...blobs, ...manifests].map(({ digest }) => digest);
  }
}
