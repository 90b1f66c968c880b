import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';

/** An answer as it is sent, with its strong ETag (RFC 9110 section 8.8.3). */
export interface KeptAnswer {
  readonly body: Buffer;
  readonly etag: string;
}

/** Answers, and bytes of their bodies, that are kept at the most: whoever asks for many kinds of lists costs no more. */
const MOST = 200;
const MOST_BYTES = 64 * 1024 * 1024;

/** Answers that many clients ask for, made once as long as nothing has changed. */
export class KeptAnswers {
  readonly #kept = new LRUCache<string, KeptAnswer & { readonly version: string }>({
    max: MOST,
    maxSize: MOST_BYTES,
    sizeCalculation: ({ body }, key) => body.length + key.length + 1,
  });

  /** The answer called `key`, made by `make` unless it is there in this `version`. */
  get(key: string, version: string, make: () => string): KeptAnswer {
    const known = this.#kept.get(key);
    if (known?.version === version) return known;
    const body = Buffer.from(make());
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
    const made = { version, body, etag };
    this.#kept.set(key, made);
    return made;
  }
}
