import type { LookupFunction } from 'node:net';
import { digestOf, isDigest, parseDigest, type Digest } from '../../../core/oci/digest.js';
import type { Registry } from '../../../core/oci/image-mirror.js';
import { LARGEST_MANIFEST } from '../../../core/oci/manifest.js';
import {
  isIndexType,
  isManifestType,
  isSchema1,
  MANIFEST_ACCEPT,
  mediaTypeOf,
  OCI_INDEX,
} from '../../../core/oci/media-types.js';
import { isReference, isRepositoryName, isTag } from '../../../core/oci/names.js';
import { HttpClient, type HttpAnswer, type HttpTimeouts } from '../../../platform/http-client.js';
import { RegistryAuth } from './registry-auth.js';
import { isOtherPart, toRemoteBlob, type RemoteBlob } from './registry-blob.js';
import { lengthOf, readSmall } from './registry-body.js';
import type { RegistryBudget, Urgency } from './registry-budget.js';
import { RegistryCredentials } from './registry-credentials.js';
import { ownMediaType, parseReferrers, parseTagList, type Referrer } from './registry-documents.js';
import { RegistryFailure, toRegistryFailure } from './registry-failure.js';
import { nextPage } from './registry-redirects.js';
import { RegistryTransport, type RegistryRequest, type RegistryTransportOptions } from './registry-transport.js';

export interface RegistryClientOptions {
  readonly registry: Registry;
  readonly budget: RegistryBudget;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly userAgent?: string;
  readonly timeouts?: Partial<HttpTimeouts>;
  /** How names are resolved; the system's by default. */
  readonly lookup?: LookupFunction;
  /** Waits for a short Retry-After; real time by default. */
  readonly wait?: NonNullable<RegistryTransportOptions['wait']>;
}

export interface RequestOptions {
  readonly signal: AbortSignal;
  readonly urgency: Urgency;
}

export interface RemoteManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Exactly as they were sent. */
  readonly bytes: Buffer;
}

export interface RemoteHead {
  /** Null when the registry does not tell. */
  readonly digest: Digest | null;
  /** Empty when the registry does not tell. */
  readonly mediaType: string;
  /** Bytes; null when the registry does not tell. */
  readonly size: number | null;
}

export interface BlobOptions extends RequestOptions {
  /** Bytes that are here already. */
  readonly from?: number;
  /** Bytes of the whole blob, as a manifest says. */
  readonly expectedSize?: number;
}

const USER_AGENT = 'millpond';
const PAGE = 1_000;
const MOST_PAGES = 1_000;
const MOST_TAGS = 100_000;
const MOST_REFERRERS = 10_000;
const LARGEST_PAGE = 16 * 1024 * 1024;
/** Answers of registries that do not know HEAD, or not the referrers API. */
const NOT_KNOWN: ReadonlySet<number> = new Set([400, 405, 501]);
/** What servers of plain files say of everything. */
const TYPES_OF_ANYTHING: ReadonlySet<string> = new Set([
  ...['', 'application/json', 'application/octet-stream', 'text/plain'],
]);

/**
 * One upstream registry, over the OCI distribution API as a client (specification 1.1). All methods throw
 * RegistryFailure, or the reason of the signal when that ends them.
 */
export class RegistryClient {
  readonly #http: HttpClient;
  readonly #transport: RegistryTransport;
  /** Whether HEAD of a manifest tells the truth here; null before that is known. */
  #headWorks: boolean | null = null;

  constructor(private readonly options: RegistryClientOptions) {
    const { registry, budget, clock, userAgent = USER_AGENT, timeouts, lookup, wait } = options;
    this.#http = new HttpClient({
      privateAddresses: registry.privateAddresses,
      ...(timeouts ? { timeouts } : {}),
      ...(lookup ? { lookup } : {}),
    });
    const common = { registry: registry.name, http: this.#http, clock, userAgent };
    const auth = new RegistryAuth({ ...common, upstream: registry, credentials: new RegistryCredentials(registry) });
    this.#transport = new RegistryTransport({ ...common, auth, budget, ...(wait ? { wait } : {}) });
  }

  /** Whether a tag has moved, for nothing: by HEAD, which no registry counts, or where it has none, by GET. */
  async headManifest(repository: string, reference: string, options: RequestOptions): Promise<RemoteHead> {
    if (this.#headWorks !== false) {
      const request = this.#manifestRequest('HEAD', repository, reference, options);
      const answer = await this.#transport.send(request);
      if (answer.status === 200) {
        await answer.drain();
        this.#headWorks = true;
        return headOf(answer);
      }
      // a 404 is doubted until HEAD has once found something
      const isDoubtful = NOT_KNOWN.has(answer.status) || (answer.status === 404 && this.#headWorks === null);
      if (!isDoubtful) return this.#transport.fail(answer, request);
      await answer.drain();
    }
    const { digest, mediaType, bytes } = await this.getManifest(repository, reference, options);
    this.#headWorks ??= false; // where it has worked, this was a fault that passes
    return { digest, mediaType, size: bytes.length };
  }

  /** A manifest of at most LARGEST_MANIFEST bytes, checked against the digest it was asked by and that it came with. */
  async getManifest(repository: string, reference: string, options: RequestOptions): Promise<RemoteManifest> {
    const request = this.#manifestRequest('GET', repository, reference, options);
    const admission = await this.options.budget.admit(options.urgency, options.signal);
    try {
      const answer = await this.#transport.send(request);
      if (answer.status !== 200) return await this.#transport.fail(answer, request);
      const bytes = await this.#read(answer, request, LARGEST_MANIFEST);
      const algorithm = parseDigest(reference)?.algorithm ?? 'sha256';
      const digest = digestOf(bytes, algorithm);
      this.#checkDigest(bytes, isDigest(reference) ? reference : undefined, request);
      this.#checkDigest(bytes, answer.field('docker-content-digest'), request);
      return { digest, mediaType: typeOfManifest(answer, bytes), bytes };
    } catch (error) {
      if (error instanceof RegistryFailure && error.kind === 'not-found') admission.giveBack();
      throw error;
    } finally {
      admission.done();
    }
  }

  /** The bytes of a blob, from `from` on where the registry resumes. They are not checked against the digest here. */
  async openBlob(repository: string, digest: Digest, options: BlobOptions): Promise<RemoteBlob> {
    const { from = 0, expectedSize = null } = options;
    if (!isDigest(digest)) throw this.#unusable('digest', digest);
    const request = this.#request(`${repository}/blobs/${digest}`, repository, `the blob ${digest} of ${repository}`, {
      ...options,
      headers: { accept: '*/*', ...(from > 0 ? { range: `bytes=${from}-` } : {}) },
    });
    const answer = await this.#transport.send(request);
    if (from > 0 && isOtherPart(answer, from)) {
      answer.destroy();
      return this.openBlob(repository, digest, { ...options, from: 0 });
    }
    if (answer.status !== 200 && answer.status !== 206) return this.#transport.fail(answer, request);
    return toRemoteBlob(answer, { registry: this.options.registry.name, what: request.what, from, expectedSize });
  }

  /** All tags, at most 100,000; those that are none are left out. */
  async listTags(repository: string, options: RequestOptions): Promise<string[]> {
    const what = `tags of ${repository}`;
    const tags = new Set<string>();
    const first = this.#request(`${repository}/tags/list?n=${PAGE}`, repository, what, options);
    await this.#eachPage(first, async (answer, request) => {
      if (answer.status !== 200) return this.#transport.fail(answer, request);
      const found = parseTagList(await this.#read(answer, request, LARGEST_PAGE));
      if (!found) throw this.#invalid(`does not send a list as ${what}`, 200);
      for (const tag of found) if (typeof tag === 'string' && isTag(tag)) tags.add(tag);
      if (tags.size > MOST_TAGS) throw this.#invalid(`has more than ${MOST_TAGS} ${what}`, 200);
      return true;
    });
    return [...tags];
  }

  /** What is about a manifest: by the referrers API, else by its tag schema (specification 1.1, "Referrers Tag Schema"). */
  async referrers(repository: string, digest: Digest, options: RequestOptions): Promise<Referrer[]> {
    if (!isDigest(digest)) throw this.#unusable('digest', digest);
    const what = `referrers of ${digest} in ${repository}`;
    const found = new Map<Digest, Referrer>();
    const first = this.#request(`${repository}/referrers/${digest}`, repository, what, {
      ...options,
      headers: { accept: OCI_INDEX },
    });
    const hasApi = await this.#eachPage(first, async (answer, request) => {
      const isIndex = answer.status === 200 && mediaTypeOf(answer.field('content-type')) === OCI_INDEX;
      if (!isIndex && (answer.status === 200 || answer.status === 404 || NOT_KNOWN.has(answer.status))) {
        await answer.drain();
        return false;
      }
      if (!isIndex) return this.#transport.fail(answer, request);
      const page = parseReferrers(await this.#read(answer, request, LARGEST_PAGE));
      if (!page) throw this.#invalid(`does not send an index as ${what}`, 200);
      for (const one of page) found.set(one.digest, one);
      if (found.size > MOST_REFERRERS) throw this.#invalid(`has more than ${MOST_REFERRERS} ${what}`, 200);
      return true;
    });
    return hasApi ? [...found.values()] : this.#taggedReferrers(repository, digest, options);
  }

  /** Whether it is a registry that lets us in. */
  async ping(options: RequestOptions): Promise<void> {
    const { registry } = this.options;
    const request = this.#requestAt(new URL(`${registry.url}/v2/`), '', 'the distribution API', options);
    const answer = await this.#transport.send(request);
    if (answer.status !== 200) return this.#transport.fail(answer, request);
    await answer.drain();
  }

  /** Ends all connections, also those in use. */
  close(): Promise<void> {
    return this.#http.close();
  }

  async #taggedReferrers(repository: string, digest: Digest, options: RequestOptions): Promise<Referrer[]> {
    const tag = digest.replace(':', '-').slice(0, 128);
    try {
      // most have none, and a GET would count
      if (this.#headWorks !== false) await this.headManifest(repository, tag, options);
      const { mediaType, bytes } = await this.getManifest(repository, tag, options);
      return (isIndexType(mediaType) && parseReferrers(bytes)) || [];
    } catch (error) {
      if (error instanceof RegistryFailure && error.kind === 'not-found') return [];
      throw error;
    }
  }

  /** Calls `onPage` with every page until it says false; whether it never did. */
  async #eachPage(
    first: RegistryRequest,
    onPage: (answer: HttpAnswer, request: RegistryRequest) => Promise<boolean>,
  ): Promise<boolean> {
    let url: URL | null = first.url;
    const seen = new Set<string>();
    while (url !== null) {
      if (seen.has(url.href) || seen.size === MOST_PAGES)
        throw this.#invalid(`does not come to the end of the ${first.what}`, 200);
      seen.add(url.href);
      const answer: HttpAnswer = await this.#transport.send({ ...first, url });
      if (!(await onPage(answer, first))) return false;
      url = nextPage(url, answer.fields('link'));
    }
    return true;
  }

  #manifestRequest(
    method: 'GET' | 'HEAD',
    repository: string,
    reference: string,
    options: RequestOptions,
  ): RegistryRequest {
    if (!isReference(reference)) throw this.#unusable('tag or digest', reference);
    const what = isDigest(reference) ? `${repository}@${reference}` : `${repository}:${reference}`;
    const headers = { accept: MANIFEST_ACCEPT };
    const request = this.#request(`${repository}/manifests/${reference}`, repository, what, { ...options, headers });
    return { ...request, method, counted: method === 'GET' };
  }

  #request(
    path: string,
    repository: string,
    what: string,
    options: { signal: AbortSignal; headers?: Readonly<Record<string, string>> },
  ): RegistryRequest {
    if (!isRepositoryName(repository)) throw this.#unusable('repository', repository);
    return this.#requestAt(new URL(`${this.options.registry.url}/v2/${path}`), repository, what, options);
  }

  #requestAt(
    url: URL,
    repository: string,
    what: string,
    {
      signal,
      headers = { accept: 'application/json' },
    }: { signal: AbortSignal; headers?: Readonly<Record<string, string>> },
  ): RegistryRequest {
    return { url, method: 'GET', repository, what, headers, signal, counted: false };
  }

  async #read(answer: HttpAnswer, { what, signal }: RegistryRequest, largest: number): Promise<Buffer> {
    try {
      return await readSmall(this.options.registry.name, what, answer, largest);
    } catch (error) {
      signal.throwIfAborted();
      throw toRegistryFailure(this.options.registry.name, error);
    }
  }

  #checkDigest(bytes: Buffer, expected: string | undefined, { what }: RegistryRequest): void {
    if (expected === undefined) return;
    const algorithm = parseDigest(expected)?.algorithm;
    if (algorithm === undefined || digestOf(bytes, algorithm) !== expected)
      throw this.#invalid(`sends ${what} with other bytes than their digest says`, 200);
  }

  #unusable(kind: string, text: string): RegistryFailure {
    return new RegistryFailure('invalid', `${JSON.stringify(text.slice(0, 100))} is no ${kind}`);
  }

  #invalid(sentence: string, status: number): RegistryFailure {
    return new RegistryFailure('invalid', `${this.options.registry.name} ${sentence}`, { status });
  }
}

function headOf(answer: HttpAnswer): RemoteHead {
  const digest = answer.field('docker-content-digest') ?? '';
  return {
    digest: isDigest(digest) ? digest : null,
    mediaType: mediaTypeOf(answer.field('content-type')),
    size: lengthOf(answer),
  };
}

function typeOfManifest(answer: HttpAnswer, bytes: Buffer): string {
  const told = mediaTypeOf(answer.field('content-type'));
  if (isManifestType(told) || isSchema1(told) || !TYPES_OF_ANYTHING.has(told)) return told;
  return ownMediaType(bytes) ?? told;
}
