import type { OutgoingHttpHeaders } from 'node:http';
import { OciError } from '../../core/oci/errors.js';
import { utcMinute } from '../../core/sentence.js';
import { earlierOf, type Freshness } from '../../core/oci/on-demand.js';
import { conditionOf, etagOf, FOR_EVER } from './etag.js';
import { headersOf, isHead, sendEmpty, sendWhole, type RepositoryExchange } from './exchange.js';
import { fetcherFor } from './fetching.js';
import { keepLease } from './lease.js';
import type { FoundManifest } from './manifest-reader.js';
import { unknownManifest } from './unknown.js';

/**
 * GET and HEAD /v2/<name>/manifests/<reference>: the bytes as they were pushed or fetched, whatever Accept says, since
 * a digest is a promise. Where it may be, it is first brought in step with upstream.
 * @throws OciError MANIFEST_UNKNOWN, NAME_UNKNOWN, UNAVAILABLE, and what upstream says
 */
export async function sendManifest(exchange: RepositoryExchange): Promise<void> {
  const { parts, path, place, request, response } = exchange;
  const freshness = await fetcherFor(exchange)?.bringManifest(place.repository, path.reference);
  const found = await parts.manifests.find(place.repository, path.reference);
  if (!found) throw unknownManifest(parts.deps.store, place, path.reference);
  keepLease(exchange, found.digest);
  const headers = fieldsOf(found, staleSince(exchange, found, freshness ?? null));
  const condition = conditionOf(request.headers, etagOf(found.digest));
  if (condition === 'failed')
    throw new OciError('DIGEST_INVALID', { status: 412, message: 'If-Match names another digest' });
  if (condition === 'not-modified') {
    await sendEmpty(exchange, 304, headers);
    return tell(exchange, found, 0);
  }
  response.writeHead(
    200,
    headersOf(exchange, { ...headers, 'Content-Type': found.mediaType, 'Content-Length': found.bytes.length }),
  );
  const sent = await sendWhole(response, 200, isHead(exchange) ? undefined : found.bytes);
  if (sent.complete) tell(exchange, found, sent.bytes);
}

/** Of what a client asked for by digest nothing can be stale; what is mirrored was not asked for just now. */
function staleSince(
  { parts, place }: RepositoryExchange,
  { tag, staleSince }: FoundManifest,
  freshness: Freshness | null,
): number | null {
  if (tag === null || !place.registry) return null;
  if (freshness) return freshness.staleSince;
  return earlierOf(parts.deps.onDemand?.staleSince(place.repository) ?? null, staleSince);
}

function fieldsOf({ digest, tag }: FoundManifest, staleSince: number | null): OutgoingHttpHeaders {
  return {
    'Docker-Content-Digest': digest,
    ETag: etagOf(digest),
    'Cache-Control': tag === null ? FOR_EVER : 'no-cache',
    // distribution specification 1.1, "Warnings"
    ...(staleSince === null
      ? {}
      : {
          Warning: `299 - "could not be compared with upstream since ${utcMinute(staleSince)}: this is what was here by then"`,
        }),
  };
}

function tell(exchange: RepositoryExchange, { digest, tag }: FoundManifest, bytes: number): void {
  const { parts, place, request } = exchange;
  const asked = { client: parts.deps.clientOf(request).address ?? '', repository: place.repository, digest, tag };
  if (isHead(exchange)) parts.pulls.resolved(asked);
  else parts.pulls.manifest({ ...asked, bytes });
}
