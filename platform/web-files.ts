import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from './address-rules.js';
import { HttpClient, HttpFailure, type HttpAnswer, type HttpTimeouts } from './http-client.js';
import { isRedirect, redirectTarget } from './http-redirects.js';

/** A small file of the web. */
export interface WebFile {
  /** Empty where only the header was asked for. */
  readonly content: Buffer;
  /** Its Last-Modified, milliseconds since the epoch, or null. */
  readonly modifiedAt: number | null;
}

export interface WebFileRequest {
  /** HEAD brings no content. */
  readonly method: 'GET' | 'HEAD';
  /** Bytes that it may have. */
  readonly largest: number;
  readonly signal: AbortSignal;
}

const MOST_REDIRECTS = 5;
const LONGEST_MS = 60_000;
const TIMEOUTS: HttpTimeouts = { connect: 10_000, headers: 20_000, bodyIdle: 20_000 };
const CONNECTIONS = 2;
const USER_AGENT = 'Millpond (software mirror)';
const ABSENT: ReadonlySet<number> = new Set([404, 410]);

/**
 * Reads small files over HTTP. The host that is asked may be any; where it redirects to must be of the public internet,
 * unless it is not of that itself: so nobody outside can lead to what only this machine may ask.
 */
export class WebFiles {
  readonly #any: HttpClient;
  readonly #public: HttpClient;
  readonly #lookup: LookupFunction;

  constructor({ lookup = systemLookup }: { lookup?: LookupFunction } = {}) {
    this.#lookup = lookup;
    const options = { timeouts: TIMEOUTS, connections: CONNECTIONS, lookup };
    this.#any = new HttpClient({ ...options, privateAddresses: true });
    this.#public = new HttpClient({ ...options, privateAddresses: false });
  }

  /** The file, or null where there is none (404, 410). @throws HttpFailure, or the reason of the signal */
  async read(url: URL, { method, largest, signal }: WebFileRequest): Promise<WebFile | null> {
    const limit = AbortSignal.timeout(LONGEST_MS);
    const both = AbortSignal.any([signal, limit]);
    try {
      const answer = await this.#follow(url, method, both);
      return await fileOf(answer, { host: url.host, method, largest });
    } catch (error) {
      signal.throwIfAborted();
      if (!limit.aborted) throw error;
      throw new HttpFailure('timeout', `${url.host} has taken more than ${LONGEST_MS / 1000} s`, { cause: error });
    }
  }

  /** Ends all connections, also those in use. */
  async close(): Promise<void> {
    await Promise.all([this.#any.close(), this.#public.close()]);
  }

  async #follow(url: URL, method: 'GET' | 'HEAD', signal: AbortSignal): Promise<HttpAnswer> {
    const headers = { 'accept-encoding': 'identity', 'user-agent': USER_AGENT };
    let client = this.#any;
    let target = url;
    for (let hops = 0; ; hops++) {
      const answer = await client.request(target, { method, headers, signal });
      if (!isRedirect(answer.status)) return answer;
      await answer.drain();
      const next = hops === MOST_REDIRECTS ? 'again and again' : redirectTarget(target, answer.field('location'));
      if (typeof next === 'string') throw new HttpFailure('protocol', `${url.host} redirects ${next}`);
      if (next.host !== url.host && !(await this.#isPrivate(url))) client = this.#public;
      target = next;
    }
  }

  /** Whether no address of the host is one of the public internet. */
  async #isPrivate({ hostname }: URL): Promise<boolean> {
    const host = hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0) return !isPublicAddress(host);
    return new Promise((resolve) => {
      this.#lookup(host, { all: true }, (error, found) => {
        const every = typeof found === 'string' ? [found] : (found ?? []).map(({ address }) => address);
        resolve(!error && !every.some(isPublicAddress));
      });
    });
  }
}

async function fileOf(
  answer: HttpAnswer,
  { host, method, largest }: { host: string; method: 'GET' | 'HEAD'; largest: number },
): Promise<WebFile | null> {
  if (ABSENT.has(answer.status)) {
    await answer.drain();
    return null;
  }
  if (answer.status !== 200) {
    await answer.drain();
    throw new HttpFailure('protocol', `${host} answers with status ${answer.status}`);
  }
  const time = Date.parse(answer.field('last-modified') ?? '');
  const modifiedAt = Number.isNaN(time) ? null : time;
  if (method === 'GET') return { content: await contentOf(answer, host, largest), modifiedAt };
  await answer.drain();
  return { content: Buffer.alloc(0), modifiedAt };
}

async function contentOf(answer: HttpAnswer, host: string, largest: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body()) {
    size += chunk.length;
    if (size > largest) {
      answer.destroy();
      throw new HttpFailure('protocol', `${host} sends more than ${largest} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
