import type { ServerResponse } from 'node:http';
import { PAGES_PART, REGISTRY_PART, type Family, type Protocol } from '../../core/traffic.js';
import type { Client, ClientOf } from '../clients/client-finder.js';
import type { AccessEntry } from '../access-line.js';
import type { AccessLog } from '../access-log.js';
import { bytesLeft } from '../files/body-writer.js';
import type { ServedEvent } from '../files/handler.js';
import { mirrorAskedFor } from '../files/request-target.js';
import type { Asked } from '../files/short-answer.js';
import type { Statistics } from './statistics.js';

export interface HttpAnswersOptions {
  readonly statistics: Statistics;
  readonly accessLog: Pick<AccessLog, 'isOn' | 'add'>;
  readonly clientOf: ClientOf;
  /** Milliseconds since the epoch. */
  clock(): number;
}

/** What of an answer is logged beside what the request says itself. */
type CountedAnswer = Pick<AccessEntry, 'at' | 'status' | 'bytes'> & {
  readonly who: Pick<AccessEntry, 'family' | 'protocol'>;
};

/** An answer that is on its way. */
interface Running {
  readonly response: ServerResponse;
  readonly client: Client;
  readonly part: string | null;
  /** Bytes of its body that were counted already. */
  counted: number;
}

/** Counts HTTP answers; those that last are counted as they go, so that each hour gets what left in it. */
export class HttpAnswers {
  readonly #running = new Map<Asked, Running>();

  constructor(private readonly options: HttpAnswersOptions) {
    options.statistics.beforeCollect(() => this.#countRunning());
  }

  /**
   * From now on what has left of this answer is counted whenever numbers are asked for. `part`: as in `TrafficKey`, null
   * for the mirror whose path is asked for.
   */
  begin(request: Asked, response: ServerResponse, part: string | null): void {
    this.#running.set(request, { response, client: this.options.clientOf(request), part, counted: 0 });
  }

  /** It is not on its way any more. Returns the bytes of it that were counted. */
  end(request: Asked): number {
    if (this.#running.size === 0) return 0;
    const counted = this.#running.get(request)?.counted ?? 0;
    this.#running.delete(request);
    return counted;
  }

  /** An answer of a published tree has ended. */
  served({ request, mirror, method, segments, status, bytes }: ServedEvent): void {
    const at = this.#count(request, { status, bytes, part: mirror });
    const isFile = (status === 200 || status === 206) && method === 'GET' && !isFolder(request.url);
    if (isFile) this.options.statistics.countFile(at, mirror, segments, { requests: 1, bytes });
  }

  /** The registry's answer has ended. */
  registryAnswered(request: Asked, response: ServerResponse): void {
    this.#answered(request, response, REGISTRY_PART);
  }

  /** Counts an answer that is written in one piece, as pages are, when it has ended. `mirror`: whose path was asked for. */
  watch(request: Asked, response: ServerResponse, mirror: string = PAGES_PART): void {
    this.options.clientOf(request); // remembered by the connection, which may have gone by then
    response.once('close', () => this.#answered(request, response, mirror));
  }

  /** Counts an answer that was written in one piece just now. */
  answered(request: Asked, status: number, bytes: number, mirror: string = PAGES_PART): void {
    this.#count(request, { status, bytes, part: mirror });
  }

  #answered(request: Asked, response: ServerResponse, part: string): void {
    this.answered(request, response.statusCode, bytesLeft(response) ?? bytesOfWhole(request, response), part);
  }

  /** Counts and logs one answer. Returns when that was. */
  #count(request: Asked, { status, bytes, part }: { status: number; bytes: number; part: string }): number {
    const { statistics, accessLog } = this.options;
    const at = this.options.clock();
    const client = this.#clientOf(request);
    const who = whoOf(request, client, part);
    statistics.countAnswer(at, who, status, bytes - this.end(request));
    statistics.countAgent(at, request.headers['user-agent']);
    if (accessLog.isOn) accessLog.add(entryOf(request, client, { who, at, status, bytes }));
    return at;
  }

  /** As it was when the answer began: a connection that has gone does not tell any more. */
  #clientOf(request: Asked): Client {
    const running = this.#running.size === 0 ? undefined : this.#running.get(request);
    return running?.client ?? this.options.clientOf(request);
  }

  #countRunning(): void {
    const at = this.options.clock();
    for (const [request, running] of this.#running) {
      const { response, client, part, counted } = running;
      const bytes = bytesLeft(response) ?? 0;
      const of = part ?? mirrorAskedFor(request.url ?? '');
      if (bytes === counted || of === undefined) continue;
      this.options.statistics.countBytes(at, whoOf(request, client, of), response.statusCode, bytes - counted);
      running.counted = bytes;
    }
  }
}

/** What says no version was read by `server/quick`, which reads HTTP/1.1 alone. Copies of objects would cost half an answer. */
function entryOf(
  request: Asked & { readonly httpVersion?: string },
  client: Client,
  { who, at, status, bytes }: CountedAnswer,
): AccessEntry {
  const { headers } = request;
  return {
    at,
    address: client.address,
    zone: client.zone,
    family: who.family,
    protocol: who.protocol,
    method: request.method ?? '',
    target: request.url ?? '',
    version: request.httpVersion ?? '1.1',
    status,
    bytes,
    referer: headers.referer,
    agent: headers['user-agent'],
  };
}

function whoOf(request: Asked, { family, zone, isProxied }: Client, part: string) {
  const isSecure = 'encrypted' in request.socket || (isProxied && request.headers['x-forwarded-proto'] === 'https');
  const protocol: Protocol = isSecure ? 'https' : 'http';
  return { part, zone, family: family === null ? 'local' : FAMILY[family], protocol };
}

const FAMILY: Readonly<Record<'IPv4' | 'IPv6', Family>> = { IPv4: 'v4', IPv6: 'v6' };

/** What a response said of its length is what has left, when it was written to its end. */
function bytesOfWhole({ method }: Asked, response: ServerResponse): number {
  if (method === 'HEAD' || response.statusCode === 304 || !response.writableFinished) return 0;
  return Number(response.getHeader('content-length') ?? 0) || 0;
}

function isFolder(url = ''): boolean {
  const query = url.indexOf('?');
  return url.charCodeAt((query < 0 ? url.length : query) - 1) === SLASH;
}

const SLASH = 0x2f;
