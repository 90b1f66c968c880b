import type { OutgoingHttpHeaders } from 'node:http';
import type { ExpectedBytes, UploadKey } from '../../content/uploads.js';
import { DIGEST_ALGORITHMS, digestOf, isDigest, parseDigest, type Digest } from '../../core/oci/digest.js';
import { OciError } from '../../core/oci/errors.js';
import { isRepositoryName } from '../../core/oci/names.js';
import { resolvePlace } from './addressing.js';
import { requireWrite } from './authorize.js';
import { bodyOf, sendEmpty, type RepositoryExchange } from './exchange.js';
import { requireOwn } from './own-repository.js';
import { digestIn } from './parse-path.js';
import { hostNameOf } from './public-address.js';

/**
 * POST /v2/<name>/blobs/uploads/: mounts a blob of another repository, takes a whole blob, or begins an upload. What
 * cannot be mounted is to be uploaded: 202, which does not tell whether it exists elsewhere.
 * @throws OciError UNSUPPORTED, UNAUTHORIZED, DENIED, DIGEST_INVALID, SIZE_INVALID, TOOMANYREQUESTS, UNAVAILABLE
 */
export async function beginUpload(exchange: RepositoryExchange): Promise<void> {
  const { query, parts, place } = exchange;
  requireOwn(exchange);
  requireWrite(exchange, 'push');
  const mount = query.get('mount');
  if (mount !== null && mountBlob(exchange, digestIn(mount))) return sendBlobCreated(exchange, mount);
  const digest = query.get('digest');
  if (digest !== null && (hasBody(exchange) || isEmptyDigest(digestIn(digest)))) return takeWhole(exchange, digest);
  const id = await parts.deps.uploads.begin(place.repository, algorithmOf(exchange, digest));
  await sendAccepted(exchange, { repository: place.repository, id }, 0);
}

/** PATCH: the next bytes, with Content-Range or as a stream. @throws OciError RANGE_INVALID, SIZE_INVALID, and others */
export async function continueUpload(exchange: RepositoryExchange): Promise<void> {
  const key = keyOf(exchange);
  const received = await append(exchange, key);
  await sendAccepted(exchange, key, received);
}

/** PUT: the last bytes, if any, and the digest of all. @throws OciError DIGEST_INVALID, and those of PATCH */
export async function finishUpload(exchange: RepositoryExchange): Promise<void> {
  const key = keyOf(exchange);
  const digest = digestIn(exchange.query.get('digest') ?? '');
  if (hasBody(exchange) || expectedBytes(exchange).offset !== undefined) await append(exchange, key);
  exchange.request.socket.setTimeout(0); // a large blob is flushed for long, and nothing moves on the connection meanwhile
  await exchange.parts.deps.uploads.finish(key, digest);
  await sendBlobCreated(exchange, digest);
}

/** GET: how many bytes are here. */
export async function tellUpload(exchange: RepositoryExchange): Promise<void> {
  const key = keyOf(exchange);
  const received = await exchange.parts.deps.uploads.received(key);
  await sendEmpty(exchange, 204, progressFields(exchange, key, received));
}

/** DELETE: the client gives up. */
export async function cancelUpload(exchange: RepositoryExchange): Promise<void> {
  await exchange.parts.deps.uploads.cancel(keyOf(exchange));
  await sendEmpty(exchange, 204, {});
}

function keyOf(exchange: RepositoryExchange): UploadKey {
  requireOwn(exchange);
  requireWrite(exchange, 'push');
  return { repository: exchange.place.repository, id: exchange.path.reference };
}

async function takeWhole(exchange: RepositoryExchange, digest: Digest): Promise<void> {
  const { uploads } = exchange.parts.deps;
  const { repository } = exchange.place;
  const key = { repository, id: await uploads.begin(repository, parseDigest(digest)?.algorithm) };
  try {
    await uploads.append(key, bodyOf(exchange.request), { length: contentLength(exchange) });
    await uploads.finish(key, digest);
  } catch (error) {
    await uploads.cancel(key).catch(() => undefined); // what went wrong first is told
    throw error;
  }
  await sendBlobCreated(exchange, digest);
}

async function append(exchange: RepositoryExchange, key: UploadKey): Promise<number> {
  const { uploads } = exchange.parts.deps;
  try {
    return await uploads.append(key, bodyOf(exchange.request), expectedBytes(exchange));
  } catch (error) {
    if (!(error instanceof OciError) || error.code !== 'RANGE_INVALID') throw error;
    // with what is here, so that the client can go on from there
    const fields = progressFields(exchange, key, await uploads.received(key));
    throw new OciError('RANGE_INVALID', { message: error.message, headers: fields });
  }
}

/**
 * What the client says of the bytes that come: Content-Range is `<first>-<last>` here, without a unit (distribution
 * specification 1.1, "Pushing a blob in chunks").
 * @throws OciError BLOB_UPLOAD_INVALID, SIZE_INVALID
 */
function expectedBytes(exchange: RepositoryExchange): ExpectedBytes {
  const field = exchange.request.headers['content-range'];
  const length = contentLength(exchange);
  if (field === undefined) return { length };
  const [, first = '', last = ''] = /^(\d{1,15})-(\d{1,15})$/.exec(field) ?? [];
  const announced = Number(last) - Number(first) + 1;
  if (first === '' || announced < 0)
    throw new OciError('BLOB_UPLOAD_INVALID', { message: 'Content-Range must be "<first byte>-<last byte>"' });
  if (length !== undefined && length !== announced)
    throw new OciError('SIZE_INVALID', { message: `Content-Range is ${announced} bytes, Content-Length ${length}` });
  return { offset: Number(first), length: announced };
}

function mountBlob(exchange: RepositoryExchange, digest: Digest): boolean {
  const { store, clock } = exchange.parts.deps;
  const { repository } = exchange.place;
  const from = exchange.query.get('from');
  return store.transaction(() => {
    if (!store.blobs.get(digest) || !isReadable(exchange, from, digest)) return false;
    const at = clock();
    store.repositories.ensure(repository, 'hosted', at);
    store.repositories.link(repository, digest, at);
    return true;
  });
}

/** Whether the caller could read it where it is. All repositories are public; without `from` any of them will do. */
function isReadable(exchange: RepositoryExchange, from: string | null, digest: Digest): boolean {
  const { store, settings } = exchange.parts.deps;
  if (from === null) return store.repositories.holders(digest).length > 0;
  if (!isRepositoryName(from)) return false;
  try {
    const address = { name: from, host: hostNameOf(exchange.request), namespace: null };
    return store.repositories.holds(resolvePlace(settings(), address).repository, digest);
  } catch (error) {
    if (error instanceof OciError) return false;
    throw error;
  }
}

/** The `digest-algorithm` that is to come, which saves hashing twice. @throws OciError DIGEST_INVALID */
function algorithmOf({ query }: RepositoryExchange, digest: Digest | null): string | undefined {
  const algorithm = query.get('digest-algorithm') ?? parseDigest(digest ?? '')?.algorithm;
  if (algorithm === undefined || Object.hasOwn(DIGEST_ALGORITHMS, algorithm)) return algorithm;
  throw new OciError('DIGEST_INVALID', { message: 'the digest algorithm is neither sha256 nor sha512' });
}

function hasBody({ request }: RepositoryExchange): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
}

function contentLength({ request }: RepositoryExchange): number | undefined {
  const field = request.headers['content-length'];
  if (request.headers['transfer-encoding'] !== undefined || field === undefined) return undefined;
  return Number(field);
}

function isEmptyDigest(digest: Digest): boolean {
  return isDigest(digest) && digest === digestOf('', digest.slice(0, digest.indexOf(':')));
}

function sendAccepted(exchange: RepositoryExchange, key: UploadKey, received: number): Promise<unknown> {
  return sendEmpty(exchange, 202, progressFields(exchange, key, received));
}

/** A Location in absolute-path form is right behind any proxy. Of no bytes the specification has `0-0`, as of one. */
function progressFields({ path }: RepositoryExchange, { id }: UploadKey, received: number): Record<string, string> {
  return {
    Location: `/v2/${path.name}/blobs/uploads/${id}`,
    Range: `0-${Math.max(0, received - 1)}`,
    'Docker-Upload-UUID': id,
  };
}

async function sendBlobCreated(exchange: RepositoryExchange, digest: Digest): Promise<void> {
  const headers: OutgoingHttpHeaders = {
    Location: `/v2/${exchange.path.name}/blobs/${digest}`,
    'Docker-Content-Digest': digest,
  };
  await sendEmpty(exchange, 201, headers);
}
