import { parseDigest, type Digest } from '../../core/oci/digest.js';
import { OCI_INDEX } from '../../core/oci/media-types.js';
import type { ManifestRecord } from '../../store/manifests.js';
import type { Store } from '../../store/open.js';
import { headersOf, sendJson, type RepositoryExchange } from './exchange.js';
import { nextLink } from './paging.js';

/** What the referrers API says of one manifest (distribution specification 1.1, "Listing Referrers"). */
export interface Referrer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A manifest that others are about, in the repository in which they are looked for. */
export interface Subject {
  readonly repository: string;
  readonly digest: Digest;
}

/** A page ends where one of these is reached: referrers looked at, and characters of what is sent. */
const MOST_LOOKED_AT = 1000;
const MOST_CHARACTERS = 4 * 1024 * 1024;

/** Under these tags cosign keeps what belongs to a manifest, where it does not use the API. */
const COSIGN_TYPES: Readonly<Record<string, string>> = {
  sig: 'application/vnd.dev.cosign.artifact.sig.v1+json',
  att: 'application/vnd.dev.cosign.artifact.att.v1+json',
  sbom: 'application/vnd.dev.cosign.artifact.sbom.v1+json',
};
const PLAIN_CONFIG = /^application\/vnd\.(?:oci\.image\.config|docker\.container\.image)\.v1\+json$/;

/**
 * GET /v2/<name>/referrers/<digest>: what refers to a manifest, which need not be here; an empty index when nothing does.
 * Indexes and artifacts under tags of the old scheme are offered as well.
 */
export async function listReferrers(exchange: RepositoryExchange): Promise<void> {
  const { path, query } = exchange;
  const wanted = query.get('artifactType');
  const subject = { repository: exchange.place.repository, digest: path.reference };
  const { page, next } = pageOf(findReferrers(exchange.parts.deps.store, subject, query.get('last') ?? ''), wanted);
  const link =
    next === undefined ? {} : nextLink(`/v2/${path.name}/referrers/${path.reference}`, query, { last: next });
  const headers = headersOf(exchange, {
    'Content-Type': OCI_INDEX,
    'Cache-Control': 'no-cache',
    ...(wanted === null ? {} : { 'OCI-Filters-Applied': 'artifactType' }),
    ...link,
  });
  await sendJson(exchange, 200, { schemaVersion: 2, mediaType: OCI_INDEX, manifests: page }, headers);
}

/** In the order of their digests, behind `last`: so many as are looked at for one page, and one more. */
export function findReferrers(store: Store, subject: Subject, last: string): Referrer[] {
  const page = { after: last, limit: MOST_LOOKED_AT + 1 };
  const found = new Map<Digest, Referrer>();
  for (const record of [
    ...store.manifests.referrers(subject.repository, subject.digest, page),
    ...byOldScheme(store, subject),
  ])
    if (record.digest > last && !found.has(record.digest)) found.set(record.digest, toReferrer(record));
  return [...found.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1)).slice(0, page.limit);
}

function pageOf(
  candidates: readonly Referrer[],
  wanted: string | null,
): { page: Referrer[]; next: string | undefined } {
  const page: Referrer[] = [];
  let [characters, lookedAt, last] = [0, 0, ''];
  for (const referrer of candidates) {
    const isWanted = wanted === null || referrer.artifactType === wanted;
    const length = isWanted ? JSON.stringify(referrer).length : 0;
    if (lookedAt >= MOST_LOOKED_AT || (characters > 0 && characters + length > MOST_CHARACTERS))
      return { page, next: last };
    if (isWanted) page.push(referrer);
    characters += length;
    lookedAt++;
    last = referrer.digest;
  }
  return { page, next: undefined };
}

/** What tags tell: `sha256-<hex>` an index of referrers (specification, "Referrers Tag Schema"), with a suffix cosign's. */
function byOldScheme(
  { tags, manifests, repositories }: Store,
  { repository, digest: about }: Subject,
): ManifestRecord[] {
  const { algorithm, hex } = parseDigest(about) ?? { algorithm: '', hex: '' };
  const tag = `${algorithm}-${hex.slice(0, 64)}`;
  const index = tags.get(repository, tag)?.digest;
  const named = index === undefined ? [] : manifests.parts(index).filter(({ role }) => role === 'manifest');
  // only what can be fetched here
  const listed = named.filter(({ digest }) => repositories.holds(repository, digest));
  const cosign = Object.entries(COSIGN_TYPES).flatMap(([suffix, type]) => {
    const record = manifests.get(tags.get(repository, `${tag}.${suffix}`)?.digest ?? '');
    return record ? [withType(record, type)] : [];
  });
  return [...listed.flatMap(({ digest }) => manifests.get(digest) ?? []), ...cosign];
}

/** Cosign gives its artifacts the configuration of an image: what they are is in the tag alone. */
function withType(record: ManifestRecord, type: string): ManifestRecord {
  const isPlain = record.artifactType === null || PLAIN_CONFIG.test(record.artifactType);
  return isPlain ? { ...record, artifactType: type } : record;
}

function toReferrer({ mediaType, digest, size, artifactType, annotations }: ManifestRecord): Referrer {
  return {
    ...{ mediaType, digest, size },
    ...(artifactType === null ? {} : { artifactType }),
    ...(annotations === null ? {} : { annotations }),
  };
}
