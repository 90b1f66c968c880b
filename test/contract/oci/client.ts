import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { expect } from 'vitest';
import { OCI_ERRORS } from '../../../core/oci/errors.js';
import type { Digest } from '../../../core/oci/digest.js';
import { contentsOf, type Content, type Image } from '../../fixtures/image-builder.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  /** With a Content-Length. */
  readonly body?: Buffer | string;
  /** Without one: each part is a chunk of the transfer coding. */
  readonly stream?: readonly Buffer[];
}

/** Docker's extra codes, which are not in our catalogue but in that of other registries. */
const FOREIGN_CODES = ['MANIFEST_UNVERIFIED', 'RANGE_INVALID'];

/** Speaks to the registry under test, byte for byte: no path or header is put right on the way. */
export class ContractClient {
  readonly #agent = new Agent({ keepAlive: true });

  constructor(
    readonly url: string,
    /** The whole field; undefined for somebody who has none. */
    readonly authorization: string | undefined,
  ) {}

  close(): void {
    this.#agent.destroy();
  }

  /** A client of the same registry with other rights. */
  as(authorization: string | undefined): ContractClient {
    return new ContractClient(this.url, authorization);
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.send('GET', path, { headers });
  }

  head(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.send('HEAD', path, { headers });
  }

  /** `path` begins at the root, or is a Location as the registry gave it. */
  send(method: string, path: string, sent: Sent = {}): Promise<Answer> {
    const { hostname, port, origin } = new URL(this.url);
    const headers: Record<string, string> = { ...sent.headers };
    if (this.authorization !== undefined) headers['authorization'] ??= this.authorization;
    if (sent.body !== undefined) headers['content-length'] = String(Buffer.byteLength(sent.body));
    else if (sent.stream === undefined && !['GET', 'HEAD', 'DELETE'].includes(method)) headers['content-length'] = '0';
    const target = path.startsWith(origin) ? path.slice(origin.length) : path;
    return new Promise((resolve, reject) => {
      const outgoing = request({ hostname, port, method, path: target, headers, agent: this.#agent });
      let answered = false;
      outgoing.on('response', (answer) => {
        answered = true;
        read(answer).then(resolve, reject);
      });
      // a registry may refuse a body before it was sent whole, and close
      outgoing.on('error', (error) => answered || reject(error));
      for (const part of sent.stream ?? []) outgoing.write(part);
      outgoing.end(sent.body);
    });
  }

  /** Opens an upload and gives its Location. */
  async open(repository: string): Promise<string> {
    const answer = await this.send('POST', `/v2/${repository}/blobs/uploads/`);
    expectStatus(answer, 202);
    return locationOf(answer);
  }

  async pushBlob(repository: string, { digest, bytes }: Pick<Content, 'digest' | 'bytes'>): Promise<void> {
    const location = await this.open(repository);
    expectStatus(await this.send('PUT', withDigest(location, digest), octets(bytes)), 201);
  }

  async putManifest(repository: string, manifest: Content, reference: string = manifest.digest): Promise<Answer> {
    const headers = { 'content-type': manifest.mediaType };
    return this.send('PUT', `/v2/${repository}/manifests/${reference}`, { headers, body: manifest.bytes });
  }

  async pushImage(repository: string, image: Image, ...tags: string[]): Promise<void> {
    const { blobs, manifests } = contentsOf(image);
    for (const blob of blobs) await this.pushBlob(repository, blob);
    for (const manifest of manifests) expectStatus(await this.putManifest(repository, manifest), 201);
    for (const tag of tags) expectStatus(await this.putManifest(repository, image, tag), 201);
  }
}

/** A body that is shorter than its Content-Length is a fault of the registry. */
async function read(answer: IncomingMessage): Promise<Answer> {
  const { statusCode: status = 0, headers } = answer;
  const body = await buffer(answer).catch((error: Error) => expect.fail(`${status} broke off: ${error.message}`));
  return { status, headers, body };
}

export function octets(bytes: Buffer, headers: Readonly<Record<string, string>> = {}): Sent {
  return { body: bytes, headers: { 'content-type': 'application/octet-stream', ...headers } };
}

/** A Location may hold a query already. */
export function withDigest(location: string, digest: Digest): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`;
}

export function locationOf({ headers }: Answer): string {
  expect(headers.location, 'Location').toBeDefined();
  return headers.location ?? '';
}

export function jsonOf(answer: Answer): unknown {
  expect(answer.headers['content-type'], 'Content-Type').toMatch(/json/);
  return JSON.parse(answer.body.toString('utf8'));
}

export function expectStatus(answer: Answer, ...statuses: number[]): void {
  if (statuses.includes(answer.status)) return;
  expect.fail(`${answer.status} instead of ${statuses.join(' or ')}: ${answer.body.toString('utf8').slice(0, 500)}`);
}

/** That a registry said no in the form of the specification, with one of these codes. */
export function expectError(answer: Answer, statuses: number | readonly number[], ...codes: string[]): void {
  expectStatus(answer, ...[statuses].flat());
  const found = errorCodes(answer);
  if (!found.some((code) => codes.includes(code)))
    expect.fail(`${found.join(', ')} instead of ${codes.join(' or ')}: ${answer.body.toString('utf8').slice(0, 500)}`);
}

/** Of the answer to HEAD: the status alone tells. */
export function expectHeadError(answer: Answer, ...statuses: number[]): void {
  expectStatus(answer, ...statuses);
  expect(answer.body.length).toBe(0);
}

/** The codes of `{"errors":[{"code","message","detail"}]}`, each of which is in the catalogue. */
export function errorCodes(answer: Answer): string[] {
  let json: unknown;
  try {
    json = jsonOf(answer);
  } catch (error) {
    expect.fail(`${answer.status} is not told in JSON: ${(error as Error).message}`);
  }
  const { errors } = json as { errors: { code: string; message?: unknown }[] };
  expect(errors.length).toBeGreaterThan(0);
  const known = [...Object.keys(OCI_ERRORS), ...FOREIGN_CODES];
  for (const { code, message } of errors) {
    expect(known).toContain(code);
    expect(typeof (message ?? '')).toBe('string');
  }
  return errors.map(({ code }) => code);
}

/** Headers that a HEAD must give as the GET does. */
export function expectSameHeaders(head: Answer, get: Answer): void {
  const names = ['content-type', 'content-length', 'docker-content-digest', 'etag', 'accept-ranges', 'cache-control'];
  const of = ({ headers }: Answer) => Object.fromEntries(names.map((name) => [name, headers[name]]));
  expect([head.status, of(head)]).toEqual([get.status, of(get)]);
  expect(head.body.length).toBe(0);
}

export function expectBytes(answer: Answer, bytes: Buffer): void {
  expect(answer.body.equals(bytes), `the ${answer.body.length} bytes are those that were pushed`).toBe(true);
}
