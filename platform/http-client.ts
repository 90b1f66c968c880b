import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import type { Agent, buildConnector, Dispatcher } from 'undici';
import { messageOf, systemCode } from '../core/errors.js';
import { ForbiddenAddress, isPublicAddress, publicLookup } from './address-rules.js';
import { certificateFault } from './certificate-fault.js';

/** Milliseconds. */
export interface HttpTimeouts {
  /** Until a connection stands, TLS included. */
  readonly connect: number;
  /** From the request to the end of the header of the answer. */
  readonly headers: number;
  /** Between two pieces of the body. */
  readonly bodyIdle: number;
}

export interface HttpClientOptions {
  readonly timeouts?: Partial<HttpTimeouts>;
  /** Connections to one origin at once; what is over that waits its turn. */
  readonly connections?: number;
  /** Whether hosts may have loopback, private and other addresses that are not of the public internet. */
  readonly privateAddresses: boolean;
  /** How names are resolved; the system's by default. */
  readonly lookup?: LookupFunction;
}

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** A header field, the first of those with that lower-case name. */
  field(name: string): string | undefined;
  /** All header fields of that lower-case name. */
  fields(name: string): readonly string[];
  /** Must be read to its end, drained or destroyed. Ends with HttpFailure, or the reason of the signal. */
  body(): AsyncGenerator<Buffer, void, undefined>;
  /** Reads what is left of the body, if that is little, so that the connection can be used again. */
  drain(): Promise<void>;
  destroy(): void;
}

/** Why no answer came, or not all of it. */
export type HttpFault =
  | 'dns'
  | 'connect' // refused, broken off
  | 'certificate' // not trusted, expired, of another name
  | 'timeout'
  | 'private-address' // of a host that should be a public one
  | 'protocol'; // what came is not HTTP

/** No answer, or not all of it. The message names the host and never a path or a query. */
export class HttpFailure extends Error {
  constructor(
    readonly fault: HttpFault,
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super(message, options);
    this.name = 'HttpFailure';
  }
}

const TIMEOUTS: HttpTimeouts = { connect: 10_000, headers: 30_000, bodyIdle: 60_000 };
const CONNECTIONS = 16;
const KEEP_ALIVE_MS = 15_000;
/** Node gives an address 250 ms before it tries the next, which is short for another continent. */
const ONE_ADDRESS_MS = 2_000;
const LARGEST_DRAIN = 64 * 1024;
const LONGEST_DRAIN_MS = 5_000;

/** Requests over HTTP/1.1 with kept connections. Redirects are not followed, bodies are not decoded. */
export class HttpClient {
  #agent: Promise<Agent> | undefined;

  constructor(private readonly options: HttpClientOptions) {}

  /** @throws HttpFailure, or the reason of the signal */
  async request(url: URL, request: HttpRequest): Promise<HttpAnswer> {
    const { method, headers, body, signal } = request;
    signal.throwIfAborted();
    try {
      const agent = await (this.#agent ??= openAgent(this.options));
      const answer = await agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers,
        signal,
        reset: false, // undici would end the connection after each HEAD; one with bytes that nobody asked for it still ends
        ...(body === undefined ? {} : { body }),
      });
      return toAnswer(answer, url.host, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw toFailure(error, url.host);
    }
  }

  /** Ends all connections, also those in use. */
  async close(): Promise<void> {
    await (await this.#agent)?.destroy();
  }
}

/** undici takes 15 MB of memory, which a server of trees alone does without. */
async function openAgent(options: HttpClientOptions): Promise<Agent> {
  const undici = await import('undici');
  const timeouts = { ...TIMEOUTS, ...options.timeouts };
  return new undici.Agent({
    connections: options.connections ?? CONNECTIONS,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: timeouts.headers,
    bodyTimeout: timeouts.bodyIdle,
    connect: connector(options, timeouts.connect, undici.buildConnector),
  });
}

function connector(
  options: HttpClientOptions,
  timeout: number,
  build: typeof buildConnector,
): buildConnector.connector {
  const lookup = options.lookup ?? systemLookup;
  const connect = build({
    timeout,
    lookup: options.privateAddresses ? lookup : publicLookup(lookup),
    autoSelectFamilyAttemptTimeout: ONE_ADDRESS_MS,
  });
  return (target, callback) => {
    const host = target.hostname.replace(/^\[|\]$/g, '');
    // an address is never looked up
    if (!options.privateAddresses && isIP(host) !== 0 && !isPublicAddress(host))
      callback(new ForbiddenAddress(host), null);
    else connect(target, callback);
  };
}

function toAnswer(answer: Dispatcher.ResponseData, host: string, signal: AbortSignal): HttpAnswer {
  const { body, headers } = answer;
  body.on('error', () => undefined); // whoever reads it is told; one that nobody reads may break
  const fields = (name: string): readonly string[] => {
    const value = headers[name];
    return value === undefined ? [] : typeof value === 'string' ? [value] : value;
  };
  return {
    status: answer.statusCode,
    field: (name) => fields(name)[0],
    fields,
    async *body() {
      try {
        for await (const chunk of body) yield chunk as Buffer;
      } catch (error) {
        signal.throwIfAborted();
        throw toFailure(error, host);
      }
    },
    async drain() {
      const enough = AbortSignal.timeout(LONGEST_DRAIN_MS); // that of the request ends the body as well
      await body.dump({ limit: LARGEST_DRAIN, signal: enough }).catch(() => undefined);
      signal.throwIfAborted();
    },
    destroy: () => void body.destroy(),
  };
}

const TIMEOUT_CODES: ReadonlySet<string> = new Set([
  ...['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT'],
]);
const DNS_CODES: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'ENODATA', 'EAI_NODATA']);
const PROTOCOL_CODES: ReadonlySet<string> = new Set([
  ...['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'UND_ERR_INVALID_ARG'],
]);

function toFailure(error: unknown, host: string): HttpFailure {
  const code = systemCode(error) ?? '';
  const options = { cause: error };
  if (error instanceof ForbiddenAddress)
    return new HttpFailure('private-address', `${host} has no address of the public internet`, options);
  const certificate = certificateFault(error);
  if (certificate !== null) return new HttpFailure('certificate', `the certificate of ${host} ${certificate}`, options);
  if (DNS_CODES.has(code)) return new HttpFailure('dns', `the name ${host} cannot be resolved (${code})`, options);
  if (code === 'UND_ERR_BODY_TIMEOUT') return new HttpFailure('timeout', `${host} sends nothing any more`, options);
  if (TIMEOUT_CODES.has(code)) return new HttpFailure('timeout', `${host} does not answer in time`, options);
  if (PROTOCOL_CODES.has(code) || (error instanceof Error && error.name === 'HTTPParserError'))
    return new HttpFailure('protocol', `${host} does not answer as HTTP/1.1 says`, options);
  if (code === 'UND_ERR_SOCKET') return new HttpFailure('connect', `${host} broke the connection off`, options);
  return new HttpFailure('connect', `${host} cannot be reached (${code || messageOf(error)})`, options);
}
