import { tagMatcher } from '../../config/tag-pattern.js';
import { placeManifest } from '../../content/place-manifest.js';
import { digestOf, parseDigest, type Digest } from '../../core/oci/digest.js';
import { OciError } from '../../core/oci/errors.js';
import { parseManifest } from '../../core/oci/manifest.js';
import { isTag } from '../../core/oci/names.js';
import { formatBytes } from '../../core/units.js';
import { requireWrite } from './authorize.js';
import { readBody, sendEmpty, type RepositoryExchange } from './exchange.js';
import { requireOwn } from './own-repository.js';

/** Tags that one push can give: what the next specification asks for at least is 10. */
const MOST_TAGS = 100;

/**
 * PUT /v2/<name>/manifests/<reference>: the bytes are kept as they are. A digest may be pushed with tags in the query.
 * @throws OciError UNSUPPORTED, UNAUTHORIZED, DENIED (an immutable tag), MANIFEST_INVALID (413: too large; 415: of another
 * type), DIGEST_INVALID, MANIFEST_BLOB_UNKNOWN, TAG_INVALID
 */
export async function putManifest(exchange: RepositoryExchange): Promise<void> {
  const { parts, path, place, request } = exchange;
  const { store, blobs, clock, settings } = parts.deps;
  requireOwn(exchange);
  requireWrite(exchange, 'push');
  const tags = tagsOf(exchange);
  const bytes = await readManifestBody(exchange);
  const asked = parseDigest(path.reference);
  const digest = digestOf(bytes, asked?.algorithm);
  if (asked && digest !== path.reference)
    throw new OciError('DIGEST_INVALID', { message: `the manifest that came is ${digest}` });
  const manifest = parseManifest(bytes, request.headers['content-type']);
  await placeManifest(
    { store, blobs, clock },
    {
      ...{ repository: place.repository, origin: 'hosted', digest, bytes, manifest, tags, checkedAt: null },
      keepHistory: settings().registry.keep.history,
      needs: 'all',
      check: () => tags.forEach((tag) => refuseImmutable(exchange, tag, digest)),
    },
  );
  await sendEmpty(exchange, 201, {
    Location: `/v2/${path.name}/manifests/${digest}`,
    'Docker-Content-Digest': digest,
    ...(manifest.subject ? { 'OCI-Subject': manifest.subject.digest } : {}),
    ...(asked && tags.length > 0 ? { 'OCI-Tag': tags } : {}),
  });
}

/**
 * A tag of such a name stays as it was pushed: it does not move to another digest, nor goes away (`digest` null).
 * @throws OciError DENIED
 */
export function refuseImmutable({ parts, place }: RepositoryExchange, tag: string, digest: Digest | null): void {
  const { store, settings } = parts.deps;
  const before = store.tags.get(place.repository, tag);
  if (!before || before.digest === digest) return;
  const pattern = settings().registry.immutable.find((one) => tagMatcher(one)(tag));
  if (pattern === undefined) return;
  throw new OciError('DENIED', {
    message: `the tag ${tag} is immutable here (by "${pattern}"): it stays ${before.digest}; push under another tag`,
  });
}

function tagsOf({ path, query }: RepositoryExchange): string[] {
  if (!path.reference.includes(':')) return [path.reference];
  const tags = [...new Set(query.getAll('tag'))];
  if (tags.length > MOST_TAGS)
    throw new OciError('TAG_INVALID', { status: 414, message: `more than ${MOST_TAGS} tags at a time` });
  if (!tags.every(isTag)) throw new OciError('TAG_INVALID');
  return tags;
}

async function readManifestBody({ parts, request }: RepositoryExchange): Promise<Buffer> {
  const most = parts.deps.settings().registry.maxManifest;
  const bytes = await readBody(request, most);
  if (bytes) return bytes;
  throw new OciError('MANIFEST_INVALID', {
    status: 413,
    message: `the manifest is larger than ${formatBytes(most)} (registry.max_manifest)`,
  });
}
