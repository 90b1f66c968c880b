import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { setBytesLeft } from '../files/body-writer.js';
import { sendBody, type Sent } from '../files/short-answer.js';
import type { AccessTokens } from './access-tokens.js';
import type { Place } from './addressing.js';
import type { Caller } from './caller.js';
import type { ManifestReader } from './manifest-reader.js';
import type { RegistryPath } from './parse-path.js';
import type { PullTeller } from './pull-teller.js';
import type { RegistryDeps } from './registry-deps.js';

/** What lives as long as the registry. */
export interface RegistryParts {
  readonly deps: RegistryDeps;
  readonly tokens: AccessTokens;
  readonly manifests: ManifestReader;
  readonly pulls: PullTeller;
}

/** One request and its answer. */
export interface Exchange {
  readonly parts: RegistryParts;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: RegistryPath;
  readonly query: URLSearchParams;
}

/** One about a repository, from somebody who is known as far as he wants to be. */
export interface RepositoryExchange extends Exchange {
  readonly caller: Caller;
  readonly place: Place;
}

/** Of every answer: old Docker asks for the version; bytes of others are never taken for a page of ours by guess. */
export const COMMON_HEADERS: OutgoingHttpHeaders = {
  'Docker-Distribution-Api-Version': 'registry/2.0',
  'X-Content-Type-Options': 'nosniff',
};

/** The fields of an answer about a repository: also which `ns` was used (distribution specification, "Proxying"). */
export function headersOf(exchange: RepositoryExchange, headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const { namespace } = exchange.place;
  return { ...COMMON_HEADERS, ...(namespace === null ? {} : { 'OCI-Namespace': namespace }), ...headers };
}

export function isHead({ request }: Pick<Exchange, 'request'>): boolean {
  return request.method === 'HEAD';
}

/** Answers with fields alone. */
export async function sendEmpty(
  exchange: RepositoryExchange,
  status: number,
  headers: OutgoingHttpHeaders,
): Promise<Sent> {
  const length = status === 204 || status === 304 ? {} : { 'Content-Length': 0 };
  exchange.response.writeHead(status, headersOf(exchange, { ...length, ...headers }));
  return sendWhole(exchange.response, status);
}

/** Ends an answer whose fields are set with a whole body or with none; what has left of it is counted. */
export async function sendWhole(response: ServerResponse, status: number, body?: Buffer): Promise<Sent> {
  const sent = await sendBody(response, status, body);
  setBytesLeft(response, sent);
  return sent;
}

/** Answers with JSON; HEAD gets the fields alone. */
export async function sendJson(
  { request, response }: Pick<Exchange, 'request' | 'response'>,
  status: number,
  value: unknown,
  headers: OutgoingHttpHeaders = {},
): Promise<Sent> {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, {
    ...COMMON_HEADERS,
    'Content-Type': 'application/json',
    'Content-Length': body.length,
    ...headers,
  });
  return sendWhole(response, status, request.method === 'HEAD' ? undefined : body);
}

/**
 * The body of a request that is small enough for memory; undefined when it is larger than `most` bytes.
 * @throws what the connection ends with
 */
export async function readBody(request: IncomingMessage, most: number): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > most) return undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of bodyOf(request)) {
    length += chunk.length;
    if (length > most) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The bytes of a body as they come. Who stops reading can still answer: the connection is left as it is. */
export function bodyOf(request: IncomingMessage): AsyncIterable<Buffer> {
  return { [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer> };
}
