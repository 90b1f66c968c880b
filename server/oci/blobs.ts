import type { FileHandle } from 'node:fs/promises';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { systemCode } from '../../core/errors.js';
import type { Digest } from '../../core/oci/digest.js';
import { OciError } from '../../core/oci/errors.js';
import type { BlobReader } from '../../core/oci/on-demand.js';
import type { BlobRecord } from '../../store/blobs.js';
import { BodyWriter, readSmall, SMALL } from '../files/body-writer.js';
import { parseRange, type ByteRange } from '../files/ranges.js';
import { conditionOf, etagOf, FOR_EVER, isSameRange } from './etag.js';
import { headersOf, isHead, sendEmpty, sendWhole, type RepositoryExchange } from './exchange.js';
import { fetcherFor } from './fetching.js';
import { keepLease } from './lease.js';
import { unknownBlob } from './unknown.js';

const RETRY_AFTER = 60;

/** What is to be sent of a blob, decided before its bytes are touched. */
interface Plan {
  readonly status: 200 | 206 | 304;
  readonly headers: OutgoingHttpHeaders;
  /** Null where fields alone are sent. */
  readonly range: ByteRange | null;
}

/**
 * GET and HEAD /v2/<name>/blobs/<digest>, whole or a range. What is not here is streamed as it comes from upstream, where
 * that may be; the fetch goes on when the client leaves.
 * @throws OciError BLOB_UNKNOWN, NAME_UNKNOWN, RANGE_INVALID, UNAVAILABLE, and what upstream says
 */
export async function sendBlob(exchange: RepositoryExchange): Promise<void> {
  const { path, place, parts } = exchange;
  const digest = path.reference;
  if (await sendFromDisk(exchange, digest)) return;
  const onDemand = fetcherFor(exchange);
  if (onDemand) {
    const size = isHead(exchange) ? sizeByManifest(exchange, digest) : undefined;
    if (size !== undefined) return sendFields(exchange, planOf(exchange.request, digest, size));
    const reader = await onDemand.openBlob(place.repository, digest);
    if (reader) return sendFromReader(exchange, digest, reader);
    if (await sendFromDisk(exchange, digest)) return; // it has come meanwhile
  }
  const { store } = parts.deps;
  throw store.repositories.holds(place.repository, digest) ? damaged(digest) : unknownBlob(store, place);
}

/** False when the repository does not have it, or its bytes are known to be damaged or gone. */
async function sendFromDisk(exchange: RepositoryExchange, digest: Digest): Promise<boolean> {
  const { place, parts, request, response } = exchange;
  const { store, blobs } = parts.deps;
  const record = store.repositories.holds(place.repository, digest) ? blobs.find(digest) : undefined;
  if (!record) return false;
  keepLease(exchange, digest);
  const plan = planOf(request, digest, record.size);
  if (!plan.range) {
    await sendFields(exchange, plan);
    return true;
  }
  const handle = await openIfThere(exchange, digest);
  if (!handle) {
    setAside(exchange, record, 'its file is missing');
    return false;
  }
  try {
    response.writeHead(plan.status, headersOf(exchange, plan.headers));
    const onShort = (): void => setAside(exchange, record, `its file has fewer bytes than ${record.size}`);
    tell(exchange, digest, await sendSlice(exchange, handle, { ...plan.range, onShort }));
  } finally {
    await handle.close();
  }
  return true;
}

/** Bytes that were sent. A file that turns out too short breaks the connection. */
async function sendSlice(
  { response }: RepositoryExchange,
  handle: FileHandle,
  { first, last, onShort }: ByteRange & { readonly onShort: () => void },
): Promise<number> {
  const length = last - first + 1;
  if (length <= SMALL) {
    const content = await readSmall(handle, first, length);
    if (content) return (await sendWhole(response, 200, content)).bytes;
    onShort();
    response.destroy();
    return 0;
  }
  const writer = new BodyWriter(response);
  const result = await writer.slice(handle, first, length);
  if (result === 'sent') await writer.end();
  if (result !== 'short') return writer.bytes;
  onShort();
  response.destroy();
  return writer.bytes;
}

/** Whoever asks next gets it from upstream, where that has it. */
function setAside({ parts }: RepositoryExchange, record: BlobRecord, reason: string): void {
  const { blobs, log } = parts.deps;
  if (blobs.setAside(record, reason)) log.error({ digest: record.digest }, `a blob was set aside: ${reason}`);
}

/** At the pace of the client, which the fetch does not wait for. */
async function sendFromReader(exchange: RepositoryExchange, digest: Digest, reader: BlobReader): Promise<void> {
  const { response } = exchange;
  const plan = planOf(exchange.request, digest, reader.size);
  if (!plan.range) return sendFields(exchange, plan);
  const chunks = reader.read(plan.range.first, plan.range.last)[Symbol.asyncIterator]();
  const writer = new BodyWriter(response);
  try {
    let next = await chunks.next(); // before the first byte an upstream that fails can still be told
    response.writeHead(plan.status, headersOf(exchange, plan.headers));
    for (; next.done !== true; next = await chunks.next()) if (!(await writer.write(next.value))) return;
    await writer.end();
  } finally {
    await chunks.return?.();
    tell(exchange, digest, writer.bytes);
  }
}

async function sendFields(exchange: RepositoryExchange, plan: Plan): Promise<void> {
  await sendEmpty(exchange, plan.status, plan.headers);
}

/** @throws OciError RANGE_INVALID, DIGEST_INVALID (412) */
function planOf(request: IncomingMessage, digest: Digest, size: number): Plan {
  const etag = etagOf(digest);
  const common = { 'Docker-Content-Digest': digest, ETag: etag, 'Cache-Control': FOR_EVER };
  const condition = conditionOf(request.headers, etag);
  if (condition === 'not-modified') return { status: 304, headers: common, range: null };
  if (condition === 'failed')
    throw new OciError('DIGEST_INVALID', { status: 412, message: 'If-Match names another digest' });
  const headers = { ...common, 'Content-Type': 'application/octet-stream', 'Accept-Ranges': 'bytes' };
  const whole: Plan = {
    status: 200,
    headers: { ...headers, 'Content-Length': size },
    range: request.method === 'HEAD' || size === 0 ? null : { first: 0, last: size - 1 },
  };
  const { range: asked, 'if-range': ifRange } = request.headers;
  if (request.method === 'HEAD' || !isSameRange(ifRange, etag)) return whole;
  const parsed = parseRange(asked, size);
  if (parsed.kind === 'unsatisfiable')
    throw new OciError('RANGE_INVALID', {
      message: `the blob has ${size} bytes`,
      headers: { 'Content-Range': `bytes */${size}` },
    });
  const range = parsed.kind === 'ranges' && parsed.ranges.length === 1 ? parsed.ranges[0] : undefined;
  if (!range) return whole; // several: the whole is an answer, too (RFC 9110 section 14.2)
  const fields = {
    'Content-Range': `bytes ${range.first}-${range.last}/${size}`,
    'Content-Length': range.last - range.first + 1,
  };
  return { status: 206, headers: { ...headers, ...fields }, range };
}

/** What a manifest here says of it: HEAD is answered by that, and costs no fetch. */
function sizeByManifest({ parts, place }: RepositoryExchange, digest: Digest): number | undefined {
  const part = parts.deps.store.manifests.namedIn(place.repository, digest);
  return part?.role === 'manifest' ? undefined : part?.size;
}

async function openIfThere({ parts }: RepositoryExchange, digest: Digest): Promise<FileHandle | undefined> {
  try {
    return await parts.deps.blobs.open(digest);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function tell({ parts, place }: RepositoryExchange, digest: Digest, bytes: number): void {
  if (bytes > 0) parts.pulls.blob({ repository: place.repository, digest, bytes });
}

function damaged(digest: Digest): OciError {
  return new OciError('UNAVAILABLE', {
    message: `the bytes of ${digest} are damaged here, and are to be fetched again`,
    retryAfter: RETRY_AFTER,
  });
}
