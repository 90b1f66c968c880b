import { LRUCache } from 'lru-cache';
import type { Digest } from '../../core/oci/digest.js';
import type { Pull } from './registry-deps.js';

/** A manifest that was asked for. */
interface AskedManifest {
  /** The address of the client. */
  readonly client: string;
  readonly repository: string;
  readonly digest: Digest;
  readonly tag: string | null;
}

const REMEMBERED = 10_000;
const REMEMBERED_MS = 60_000;

/**
 * Tells what was pulled, and by which tag: containerd and docker ask for a tag by HEAD and then get its digest, so that a
 * client which gets the digest that it has just resolved has pulled the tag.
 */
export class PullTeller {
  readonly #resolved = new LRUCache<string, string>({ max: REMEMBERED, ttl: REMEMBERED_MS });

  constructor(private readonly onPull: (pull: Pull) => void) {}

  resolved(asked: AskedManifest): void {
    if (asked.tag !== null) this.#resolved.set(keyOf(asked), asked.tag);
  }

  manifest(asked: AskedManifest & { bytes: number }): void {
    const { repository, digest, bytes } = asked;
    const tag = asked.tag ?? this.#resolved.get(keyOf(asked)) ?? null;
    if (asked.tag === null) this.#resolved.delete(keyOf(asked));
    this.onPull({ kind: 'manifest', repository, tag, digest, bytes });
  }

  blob(pull: Omit<Pull, 'tag' | 'kind'>): void {
    this.onPull({ ...pull, kind: 'blob', tag: null });
  }
}

function keyOf({ client, repository, digest }: AskedManifest): string {
  return `${client} ${repository} ${digest}`;
}
