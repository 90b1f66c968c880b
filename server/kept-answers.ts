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

/**
 * Of an answer that the clock alone makes another one: what else it is made of, and when, milliseconds since the epoch.
 * One of the same facts that is at most `most` milliseconds older may be given out while it is made anew.
 */
export interface Lasting {
  readonly facts: string;
  readonly at: number;
  readonly most: number;
}

interface Kept extends KeptAnswer {
  readonly version: string;
  readonly lasting: Lasting | undefined;
}

/** After whoever asked has got what is there. */
const RENEW_AFTER_MS = 100;

/** Answers that many clients ask for, made once as long as nothing has changed. */
export class KeptAnswers {
  readonly #kept = new LRUCache<string, Kept>({
    max: MOST,
    maxSize: MOST_BYTES,
    sizeCalculation: ({ body }, key) => body.length + key.length + 1,
  });

  readonly #renewing = new Set<string>();

  /** The answer called `key`, made by `make` unless it is there in this `version`, or may be given out as `lasting` says. */
  get(key: string, version: string, make: () => string, lasting?: Lasting): KeptAnswer {
    const known = this.#kept.get(key);
    if (known?.version === version) return known;
    if (!known || !isFit(known.lasting, lasting)) return this.#make(key, version, make, lasting);
    if (!this.#renewing.has(key)) {
      this.#renewing.add(key);
      setTimeout(() => {
        this.#renewing.delete(key);
        if (this.#kept.peek(key) === known) this.#renew(key, version, make, lasting);
      }, RENEW_AFTER_MS).unref();
    }
    return known;
  }

  /** What goes wrong is for whoever asks next. */
  #renew(key: string, version: string, make: () => string, lasting: Lasting | undefined): void {
    try {
      this.#make(key, version, make, lasting);
    } catch {
      this.#kept.delete(key);
    }
  }

  #make(key: string, version: string, make: () => string, lasting: Lasting | undefined): KeptAnswer {
    const body = Buffer.from(make());
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
    const made = { version, lasting, body, etag };
    this.#kept.set(key, made);
    return made;
  }
}

function isFit(known: Lasting | undefined, wanted: Lasting | undefined): boolean {
  if (!known || !wanted || known.facts !== wanted.facts) return false;
  return known.at <= wanted.at && wanted.at - known.at <= wanted.most;
}
