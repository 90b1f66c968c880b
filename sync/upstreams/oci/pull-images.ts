import { eachLimited } from '../../../content/each-limited.js';
import { placeManifest } from '../../../content/place-manifest.js';
import type { Digest } from '../../../core/oci/digest.js';
import { parseManifest, type Part } from '../../../core/oci/manifest.js';
import type { ImageRunContext } from './image-context.js';
import type { ImageProgress } from './image-progress.js';
import { DEEPEST_INDEX, readKnown, wantedParts, type ReadManifest } from './wanted-parts.js';

const PARTS_AT_ONCE = 4;
/** Referrers of referrers that are followed, and how many of one manifest. */
const DEEPEST_REFERRER = 3;
const MOST_REFERRERS = 100;

export interface PullOptions {
  readonly context: ImageRunContext;
  readonly signal: AbortSignal;
  readonly progress: ImageProgress;
  readonly pace: (bytes: number, signal: AbortSignal) => Promise<void>;
}

/** What has come so far. */
export interface Brought {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Brings manifests with all that they need: what they name first, then themselves, and their tags in the same
 * transaction. What several have in common comes once; what is here is not asked for.
 */
export class ImagePull {
  readonly #contents = new Map<Digest, Promise<ReadManifest>>();
  readonly #blobs = new Map<Digest, Promise<void>>();
  #files = 0;
  #bytes = 0;

  constructor(private readonly options: PullOptions) {}

  get brought(): Brought {
    return { files: this.#files, bytes: this.#bytes };
  }

  /**
   * Lets `tags` point to `digest` when all of it is here.
   * @throws RegistryFailure; OciError of a manifest that cannot be stored; system errors; the signal's reason
   */
  async bring(digest: Digest, tags: readonly string[]): Promise<void> {
    const read = await this.#content(digest, 0);
    await this.#place(digest, read, tags);
  }

  /** Brings what is about a manifest that is here. @throws as `bring` */
  async bringReferrers(digest: Digest): Promise<void> {
    await this.#referrers(digest, 1);
  }

  /** The manifest, when all below it and about it is here. */
  #content(digest: Digest, depth: number): Promise<ReadManifest> {
    const known = this.#contents.get(digest);
    if (known) return known;
    const content = this.#bringContent(digest, depth);
    this.#contents.set(digest, content);
    content.catch(() => this.#contents.delete(digest)); // another tag that needs it may have more luck
    return content;
  }

  async #bringContent(digest: Digest, depth: number): Promise<ReadManifest> {
    const { mirror } = this.options.context;
    const read = await this.#read(digest);
    const wanted = wantedParts(read, mirror.platforms);
    if (read.manifest.isIndex && wanted.length === 0 && read.manifest.parts.length > 0)
      this.options.context.log.write(`${digest} has nothing for the platforms that are wanted.`);
    await eachLimited(wanted, PARTS_AT_ONCE, (part) => this.#part(part, depth + 1));
    if (mirror.referrers) await this.#referrers(digest, 1);
    return read;
  }

  async #part(part: Part, depth: number): Promise<void> {
    if (part.role !== 'manifest') return this.#blob(part);
    if (depth > DEEPEST_INDEX) return;
    await this.#place(part.digest, await this.#content(part.digest, depth), []);
  }

  #blob(part: Part): Promise<void> {
    const known = this.#blobs.get(part.digest);
    if (known) return known;
    const blob = this.#bringBlob(part);
    this.#blobs.set(part.digest, blob);
    blob.catch(() => this.#blobs.delete(part.digest));
    return blob;
  }

  async #bringBlob({ digest, size }: Part): Promise<void> {
    const { context, signal, progress, pace } = this.options;
    const { mirror, images, tell } = context;
    progress.expect(1, size);
    const wasFetched = await images.fetches.complete(
      {
        ...{ digest, size, repository: mirror.name, upstreamRepository: mirror.repository },
        source: images.sourceOf(mirror.registry),
      },
      {
        ...{ signal, pace },
        onBytes: (bytes) => {
          progress.onBytes(bytes);
          tell.activity();
        },
      },
    );
    if (wasFetched) this.#count(size);
    progress.arrived(size);
  }

  async #read(digest: Digest): Promise<ReadManifest> {
    const { context, signal, progress } = this.options;
    const { store, images, mirror, log } = context;
    const known = await readKnown({ store, blobs: images.blobs }, digest);
    if (known) return known;
    const { client } = images.sourceOf(mirror.registry);
    const { bytes, mediaType } = await client.getManifest(mirror.repository, digest, { signal, urgency: 'sync' });
    log.write(`Got the manifest ${digest} (${bytes.length} bytes)`);
    this.#count(bytes.length);
    progress.onBytes(bytes.length);
    return { bytes, manifest: parseManifest(bytes, mediaType) };
  }

  async #place(digest: Digest, { bytes, manifest }: ReadManifest, tags: readonly string[]): Promise<void> {
    const { store, images, mirror, settings, clock } = this.options.context;
    this.options.signal.throwIfAborted();
    await placeManifest(
      { store, blobs: images.blobs, clock },
      {
        ...{ repository: mirror.name, origin: 'mirrored', digest, bytes, manifest, tags, needs: 'all' },
        ...{ checkedAt: clock(), keepHistory: settings.registry.keep.history },
      },
    );
  }

  /** What is about `subject` comes before any tag points to that: signed images never look unsigned. */
  async #referrers(subject: Digest, depth: number): Promise<void> {
    const { context, signal } = this.options;
    const { mirror, images, log } = context;
    const { client } = images.sourceOf(mirror.registry);
    const found = await client.referrers(mirror.repository, subject, { signal, urgency: 'sync' });
    images.referrers.asked(mirror.name, subject);
    if (found.length > MOST_REFERRERS)
      log.write(`${subject} has ${found.length} referrers, of which ${MOST_REFERRERS} come.`);
    await eachLimited(found.slice(0, MOST_REFERRERS), PARTS_AT_ONCE, async ({ digest }) => {
      if (this.#contents.has(digest)) return;
      const content = this.#bringReferrer(digest, depth);
      this.#contents.set(digest, content);
      content.catch(() => this.#contents.delete(digest));
      await this.#place(digest, await content, []);
    });
  }

  /** Waits for nobody else: what refers to each other in a circle would wait for ever. */
  async #bringReferrer(digest: Digest, depth: number): Promise<ReadManifest> {
    const read = await this.#read(digest);
    await this.#below(read, 1);
    if (depth < DEEPEST_REFERRER) await this.#referrers(digest, depth + 1);
    return read;
  }

  async #below(read: ReadManifest, depth: number): Promise<void> {
    await eachLimited(wantedParts(read, this.options.context.mirror.platforms), PARTS_AT_ONCE, async (part) => {
      if (part.role !== 'manifest') return this.#blob(part);
      if (depth > DEEPEST_INDEX) return;
      const child = await this.#read(part.digest);
      await this.#below(child, depth + 1);
      await this.#place(part.digest, child, []);
    });
  }

  #count(bytes: number): void {
    this.#files++;
    this.#bytes += bytes;
  }
}
