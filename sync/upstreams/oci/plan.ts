import { waitingBytes } from '../../../content/growing-blob.js';
import type { Layout } from '../../../content/layout.js';
import { messageOf } from '../../../core/errors.js';
import type { Digest } from '../../../core/oci/digest.js';
import { OciError } from '../../../core/oci/errors.js';
import type { ImageMirror } from '../../../core/oci/image-mirror.js';
import type { ImagePlan } from '../../../core/oci/image-plan.js';
import { parseManifest } from '../../../core/oci/manifest.js';
import type { Store } from '../../../store/open.js';
import { byDigest, chooseTags, compareTags, cosignTags, tagsBeyond } from './compare-tags.js';
import type { ImageServices } from './image-services.js';
import { RegistryFailure } from './registry-failure.js';
import { endsTheRun, TagFailures } from './tag-failures.js';
import { DEEPEST_INDEX, readKnown, wantedParts, type ReadManifest } from './wanted-parts.js';

export interface PlanOptions {
  readonly store: Store;
  readonly layout: Layout;
  readonly services: ImageServices;
  readonly clock: () => number;
  readonly signal: AbortSignal;
  /** Only counts by what HEAD tells, which costs no pull: bytes and children stay unknown. */
  readonly cheap: boolean;
}

/** What the next runs of these repositories would cost. Nothing moves, and no repository changes. */
export async function* planImages(options: PlanOptions, mirrors: Iterable<ImageMirror>): AsyncGenerator<ImagePlan> {
  for (const mirror of mirrors) yield await new Planning(options, mirror).plan();
}

class Planning {
  readonly #problems: string[] = [];
  readonly #seenDigests = new Set<Digest>();
  readonly #toFetch = { blobs: 0, bytes: 0 };
  readonly #here = { blobs: 0, bytes: 0 };
  #listed: readonly string[] = [];
  #chosen: readonly string[] = [];
  #going: readonly string[] = [];
  #moving: readonly string[] = [];
  #same = 0;
  #pulls = 0;
  #spent = 0;
  #isExact = true;

  constructor(
    private readonly options: PlanOptions,
    private readonly mirror: ImageMirror,
  ) {}

  async plan(): Promise<ImagePlan> {
    try {
      await this.#survey();
    } catch (error) {
      this.options.signal.throwIfAborted();
      if (!(error instanceof RegistryFailure)) throw error;
      this.#problems.push(`${error.message}.`);
      this.#isExact = false;
    }
    const { cheap } = this.options;
    return {
      ...{ name: this.mirror.name, listed: this.#listed.length, chosen: this.#chosen, same: this.#same },
      ...{ moving: this.#moving, going: this.#going, pulls: this.#pulls, spent: this.#spent },
      ...{ toFetch: cheap ? null : this.#toFetch, here: cheap ? null : this.#here },
      ...{ isExact: this.#isExact, problems: this.#problems },
    };
  }

  async #survey(): Promise<void> {
    const { store, services, clock, signal, cheap } = this.options;
    const { mirror } = this;
    const source = services.sourceOf(mirror.registry);
    this.#listed = await source.client.listTags(mirror.repository, { signal, urgency: 'sync' });
    this.#chosen = chooseTags({ store, clock, mirror }, this.#listed);
    const kept = new Set(this.#chosen);
    if (mirror.referrers) for (const tag of cosignTags(store, mirror.name, this.#listed)) kept.add(tag);
    this.#going = tagsBeyond(store, mirror.name, kept);
    const failures = new TagFailures({ write: (line) => this.#problems.push(`${line}.`) });
    const comparing = { store, blobs: services.blobs, clock, mirror, source, signal, failures };
    const { seen, indexes, same } = await compareTags(comparing, [...kept]);
    this.#same = same.length;
    const wanted = byDigest(seen, new Set(same));
    this.#moving = [...wanted.values()].flat();
    for (const [digest, tags] of wanted) {
      if (cheap) this.#countAtLeast(digest, indexes.has(digest));
      else await this.#look(digest, tags);
    }
  }

  /** An index brings a manifest for each platform that is asked for, or one at least. */
  #countAtLeast(digest: Digest, isIndex: boolean): void {
    if (this.options.store.manifests.get(digest)) {
      this.#isExact = false; // its children may be missing
      return;
    }
    this.#pulls += 1 + (isIndex ? Math.max(1, this.mirror.platforms.length) : 0);
    if (isIndex) this.#isExact = false;
  }

  async #look(digest: Digest, tags: readonly string[]): Promise<void> {
    try {
      await this.#walk(digest, 0);
    } catch (error) {
      const isOfOneTag = error instanceof OciError || error instanceof RegistryFailure;
      if (!isOfOneTag || endsTheRun(error)) throw error;
      this.#problems.push(`${tags.join(', ')}: ${messageOf(error)}.`);
      this.#isExact = false;
    }
  }

  async #walk(digest: Digest, depth: number): Promise<void> {
    if (this.#seenDigests.has(digest) || depth > DEEPEST_INDEX) return;
    this.#seenDigests.add(digest);
    const { services, store } = this.options;
    const read = (await readKnown({ store, blobs: services.blobs }, digest)) ?? (await this.#get(digest));
    for (const part of wantedParts(read, this.mirror.platforms)) {
      if (part.role === 'manifest') await this.#walk(part.digest, depth + 1);
      else await this.#count(part);
    }
  }

  async #count({ digest, size }: { digest: Digest; size: number }): Promise<void> {
    if (this.#seenDigests.has(digest)) return;
    this.#seenDigests.add(digest);
    const { store, layout } = this.options;
    const isHere = store.blobs.get(digest) !== undefined;
    const sum = isHere ? this.#here : this.#toFetch;
    sum.blobs++;
    sum.bytes += isHere ? size : Math.max(0, size - (await waitingBytes(layout.fetch(digest))));
  }

  /** Kept without being in any repository: the run need not fetch it again. */
  async #get(digest: Digest): Promise<ReadManifest> {
    const { services, store, signal } = this.options;
    this.#pulls++;
    const { client } = services.sourceOf(this.mirror.registry);
    const { bytes, mediaType } = await client.getManifest(this.mirror.repository, digest, { signal, urgency: 'sync' });
    this.#spent++;
    const manifest = parseManifest(bytes, mediaType);
    await services.blobs.put(bytes, digest, () => store.manifests.add(digest, manifest));
    return { bytes, manifest };
  }
}
