import { LRUCache } from 'lru-cache';
import { existsSync } from 'node:fs';
import { systemCode } from '../../core/errors.js';
import { digestOf, isDigest, type Digest } from '../../core/oci/digest.js';
import { OciError } from '../../core/oci/errors.js';
import type { BlobRecord } from '../../store/blobs.js';
import type { RegistryDeps } from './registry-deps.js';

export interface FoundManifest {
  readonly digest: Digest;
  /** The tag through which it was found; null of a digest. */
  readonly tag: string | null;
  /** Since when the tag cannot be compared with upstream; null of one that could when it was last tried. */
  readonly staleSince: number | null;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** Bytes of manifests that are kept in memory. */
const KEPT_BYTES = 64 * 1024 * 1024;
/** A tag that moves while it is read is looked up again: what it pointed to may be gone. */
const TRIES = 3;
const RETRY_AFTER = 60;

/** Manifests by tag or digest. Their bytes never change, and those that are asked for often come from memory. */
export class ManifestReader {
  readonly #kept = new LRUCache<Digest, { mediaType: string; bytes: Buffer }>({
    maxSize: KEPT_BYTES,
    sizeCalculation: ({ bytes }) => bytes.length + 1024,
  });

  constructor(private readonly deps: RegistryDeps) {}

  /**
   * What the repository has under a tag or digest; undefined when it has none.
   * @throws OciError UNAVAILABLE when its bytes are damaged
   */
  async find(repository: string, reference: string): Promise<FoundManifest | undefined> {
    const tag = isDigest(reference) ? null : reference;
    for (let attempt = 1; ; attempt++) {
      const found = this.#resolve(repository, reference, tag);
      if (!found) return undefined;
      const { digest, staleSince } = found;
      try {
        const content = this.#kept.get(digest) ?? (await this.#read(digest));
        return content && { digest, tag, staleSince, ...content };
      } catch (error) {
        if (attempt < TRIES && systemCode(error) === 'ENOENT') continue;
        this.deps.log.error({ err: error, digest }, 'a manifest cannot be read');
        this.#setAside(digest, error);
        throw new OciError('UNAVAILABLE', {
          message: `the manifest ${digest} is damaged here, and is to be fetched again`,
          retryAfter: RETRY_AFTER,
          cause: error,
        });
      }
    }
  }

  /** Whoever asks next gets it from upstream, where that has it. */
  #setAside(digest: Digest, error: unknown): void {
    const { blobs } = this.deps;
    if (error instanceof WrongBytes) blobs.setAside(error.record, `its bytes are ${error.found}`);
    const record = systemCode(error) === 'ENOENT' ? blobs.find(digest) : undefined;
    if (record && !existsSync(this.deps.layout.blob(digest))) blobs.setAside(record, 'its file is missing');
  }

  #resolve(
    repository: string,
    reference: string,
    tag: string | null,
  ): Pick<FoundManifest, 'digest' | 'staleSince'> | undefined {
    const { tags, repositories } = this.deps.store;
    if (tag !== null) return tags.get(repository, tag);
    return repositories.holds(repository, reference) ? { digest: reference, staleSince: null } : undefined;
  }

  /** Undefined of a blob that is no manifest. */
  async #read(digest: Digest): Promise<{ mediaType: string; bytes: Buffer } | undefined> {
    const record = this.deps.store.manifests.get(digest);
    if (!record) return undefined;
    const blob = this.deps.blobs.find(digest);
    if (!blob) throw new Error(`the bytes of ${digest} were set aside`);
    const bytes = await this.deps.blobs.read(digest);
    const found = digestOf(bytes, digest.slice(0, digest.indexOf(':')));
    if (found !== digest) throw new WrongBytes(blob, found);
    const content = { mediaType: record.mediaType, bytes };
    this.#kept.set(digest, content);
    return content;
  }
}

class WrongBytes extends Error {
  constructor(
    readonly record: BlobRecord,
    readonly found: Digest,
  ) {
    super(`the bytes of ${record.digest} are ${found}`);
  }
}
