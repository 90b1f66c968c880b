import { DOCKER_REGISTRY_AUTHORIZATION, startDockerRegistry } from '../../fixtures/docker-registry.js';
import { distributionContract, type RunningRegistry } from './suite.js';

const RANGES = ['1', '2', '3', '4', '5', '6', '7', '8'];

/** What docker-registry 2.8.2 does otherwise, by reason. */
const DIFFERENCES: Readonly<Record<string, readonly string[]>> = {
  'it redirects to /v2/': ['row-1-no-slash'],
  'it refuses without JSON': ['row-1-method', 'row-3-reference-tag', 'row-3-reference-long'],
  'what is none of its paths is a page that is not found': [
    ...['row-2-digest-no-algorithm', 'row-7-tag-length', ...RANGES.slice(0, 4).map((index) => `row-4a-name-${index}`)],
    ...[...RANGES.slice(0, 6).map((index) => `name-bad-${index}`), 'fuzz-names', 'fuzz-references', 'fuzz-locations'],
  ],
  'it answers 500 for a name that is too long': ['row-4a-name-5'],
  'it takes what is no digest for a tag, and answers 500': [
    ...['row-3-reference-digest', 'row-3-reference-algorithm', 'row-7-bad-digest', 'fuzz-digests'],
  ],
  'it never says immutable': ['row-2-immutable'],
  'it stores everything under sha256': ['row-2-sha512', 'row-3-sha512'],
  'its 416 announces more bytes than it sends': [
    ...['row-2-416-after', 'row-2-416-far', 'fuzz-range', 'row-2-range-unit'],
    ...RANGES.slice(0, 5).map((index) => `row-2-range-invalid-${index}`),
  ],
  'it sends nothing as 206 for the last 0 bytes': ['row-2-416-no-suffix'],
  'it heeds Range for HEAD': ['row-2-head-range'],
  'it converts Docker manifests for clients that do not accept them': ['row-3-accept'],
  'its manifests have no Cache-Control': ['row-3-cache'],
  'it answers 500 for JSON that is no manifest': ['row-7-invalid-null', 'row-7-invalid-no-version', 'fuzz-manifests'],
  'it wants every image of an index': ['row-7-sparse'],
  'it allows URLs of layers only where they are configured': ['row-7-foreign'],
  'its status is 400': ['row-7-too-large', 'row-6-gap'],
  'it is older than referrers': [
    ...['row-7-subject', 'row-7-subject-index', 'row-12-unknown', 'row-12-name-unknown', 'row-12-list'],
    ...['row-12-config-type', 'row-12-index', 'row-12-absent', 'row-12-other', 'row-12-filter', 'row-12-deleted'],
    ...['row-12-once', 'row-12-tag-schema', 'row-12-sha512', 'row-12-many', 'row-12-bad-digest'],
  ],
  'it is older than tags in the query': ['row-7b-tags', 'row-7b-bad-tag', 'row-7b-many'],
  'it opens an upload, whatever comes with the POST': ['row-4b-created', 'row-4b-mismatch', 'row-4b-bad-digest'],
  'it does not look at Content-Range': [
    ...['row-5-gap', 'row-5-repeat', 'row-5-not-first', 'row-5-length'],
    ...RANGES.map((index) => `row-5-content-range-${index}`),
  ],
  'an upload that is not there is BLOB_UPLOAD_INVALID': ['row-5-unknown', 'row-5-other', 'row-6-mismatch'],
  'a Location is good for one request': ['row-13-older'],
  'its tags have no order and no pages': [
    ...['row-8-list', 'row-8-pages', 'row-8-exact', 'row-8-last', 'row-8-last-alone', 'row-8-none'],
    ...['row-8-bad-number', 'row-8-huge-number'],
  ],
  'a repository without tags is unknown': ['row-8-no-tags'],
  'it deletes by digest only': ['row-9-tag', 'row-9-last-tag', 'row-9-unknown'],
  'it does not look at a number that is none': ['catalog-bad-number'],
};

distributionContract('docker-registry', startGuarded, {
  differs: Object.fromEntries(
    Object.entries(DIFFERENCES).flatMap(([reason, ids]) => ids.map((id) => [id, reason] as const)),
  ),
  unsteady: {
    'row-3-while-moving': 'it answers 500 when a tag is read at the moment that it moves',
    'row-9-while-read': 'it answers 500 when a tag is read at the moment that it goes',
  },
});

async function startGuarded(): Promise<RunningRegistry> {
  return { ...(await startDockerRegistry({ guarded: true })), authorization: DOCKER_REGISTRY_AUTHORIZATION };
}
