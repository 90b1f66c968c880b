import { parseDigest, type Digest } from '../../core/oci/digest.js';
import { OCI_INDEX } from '../../core/oci/media-types.js';
import type { ManifestFacts, ManifestRecord } from '../../store/manifests.js';
import type { Store } from '../../store/open.js';
import { headersOf, sendJson, type RepositoryExchange } from './exchange.js';
import { fetcherFor } from './fetching.js';
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
  await fetcherFor(exchange)?.bringReferrers(subject.repository, subject.digest);
  const { store } = exchange.parts.deps;
  const { page, next } = pageOf(store, findReferrers(store, subject, query.get('last') ?? ''), wanted);
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

/**
 * In the order of their digests, behind `last`: so many as are looked at for one page, and one more. Without their
 * annotations, of which there may be much more than is sent.
 */
export function findReferrers(store: Store, subject: Subject, last: string): ManifestFacts[] {
  const page = { after: last, limit: MOST_LOOKED_AT + 1 };
  const found = new Map<Digest, ManifestFacts>();
  for (const facts of [
    ...store.manifests.referrers(subject.repository, subject.digest, page),
    ...byOldScheme(store, subject, page),
  ])
    if (facts.digest > last && !found.has(facts.digest)) found.set(facts.digest, facts);
  return [...found.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1)).slice(0, page.limit);
}

/** Reads annotations of one after the other, until the page is full. */
function pageOf(
  store: Store,
  candidates: readonly ManifestFacts[],
  wanted: string | null,
): { page: Referrer[]; next: string | undefined } {
  const page: Referrer[] = [];
  let [characters, lookedAt, last] = [0, 0, ''];
  for (const facts of candidates) {
    if (lookedAt >= MOST_LOOKED_AT) return { page, next: last };
    if (wanted === null || facts.artifactType === wanted) {
      const referrer = toReferrer({ ...facts, annotations: store.manifests.annotations(facts.digest) });
      const { length } = JSON.stringify(referrer);
      if (characters > 0 && characters + length > MOST_CHARACTERS) return { page, next: last };
      page.push(referrer);
      characters += length;
    }
    lookedAt++;
    last = facts.digest;
  }
  return { page, next: undefined };
}

/** What tags tell: `sha256-<hex>` an index of referrers (specification, "Referrers Tag Schema"), with a suffix cosign's. */
function byOldScheme(
  { tags, manifests, repositories }: Store,
  { repository, digest: about }: Subject,
  page: { after: string; limit: number },
): ManifestFacts[] {
  const { algorithm, hex } = parseDigest(about) ?? { algorithm: '', hex: '' };
  const tag = `${algorithm}-${hex.slice(0, 64)}`;
  const index = tags.get(repository, tag)?.digest;
  const named = index === undefined ? [] : manifests.parts(index).filter(({ role }) => role === 'manifest');
  const digests = [...new Set(named.map(({ digest }) => digest))].filter((digest) => digest > page.after).sort();
  const listed: ManifestFacts[] = [];
  for (const digest of digests) {
    if (listed.length >= page.limit) break;
    const facts = repositories.holds(repository, digest) ? manifests.facts(digest) : undefined; // what can be fetched here
    if (facts) listed.push(facts);
  }
  const cosign = Object.entries(COSIGN_TYPES).flatMap(([suffix, type]) => {
    const facts = manifests.facts(tags.get(repository, `${tag}.${suffix}`)?.digest ?? '');
    return facts ? [withType(facts, type)] : [];
  });
  return [...listed, ...cosign];
}

/** Cosign gives its artifacts the configuration of an image: what they are is in the tag alone. */
function withType(facts: ManifestFacts, type: string): ManifestFacts {
  const isPlain = facts.artifactType === null || PLAIN_CONFIG.test(facts.artifactType);
  return isPlain ? { ...facts, artifactType: type } : facts;
}

function toReferrer({ mediaType, digest, size, artifactType, annotations }: ManifestRecord): Referrer {
  return {
    ...{ mediaType, digest, size },
    ...(artifactType === null ? {} : { artifactType }),
    ...(annotations === null ? {} : { annotations }),
  };
}
