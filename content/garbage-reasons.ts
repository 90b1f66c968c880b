import { shortDigest, type Digest } from '../core/oci/digest.js';
import { utcMinute } from '../core/sentence.js';
import { formatDuration } from '../core/units.js';
import type { Orphan } from '../store/garbage.js';
import type { Store } from '../store/open.js';
import type { UploadRecord } from '../store/uploads.js';

/** Why something may leave a repository that does not need it, in words; it must be held there. */
export function whyUnneeded(store: Store, now: number, repository: string, digest: Digest): string {
  const facts = store.garbage.facts(repository, digest);
  if (!facts) return `${repository} has it no more`;
  const { isManifest, subject, isSubjectHeld, namedBy, touchedAt } = facts;
  const age = formatDuration(Math.max(0, now - touchedAt) / 1000);
  if (namedBy !== null) return `in ${repository} only untagged manifests name it, as ${shortDigest(namedBy)}`;
  if (!isManifest) return `no manifest in ${repository} names it, ${age} after it came`;
  if (subject === null) return `untagged in ${repository} for ${age}`;
  const short = shortDigest(subject);
  return isSubjectHeld
    ? `untagged in ${repository} for ${age}, as is ${short} that it refers to`
    : `refers to ${short}, which ${repository} has not, for ${age}`;
}

/** Why an upload ends on which nothing has happened since `touchedAt`. */
export function whyGivenUp({ repository, touchedAt }: UploadRecord, now: number): string {
  return `an upload to ${repository} on which nothing has happened for ${formatDuration((now - touchedAt) / 1000)}`;
}

/** Why what came of an unfinished fetch goes; `age` in milliseconds. */
export function whyFetchGivenUp(age: number): string {
  return `an unfinished fetch from upstream that nobody has gone on with for ${formatDuration(age / 1000)}`;
}

/** Why a blob may be removed that no repository has. */
export function whyOrphaned({ storedAt, checkedAt }: Orphan): string {
  const checked = checkedAt > storedAt ? `, checked ${utcMinute(checkedAt)}` : '';
  return `no repository has it (stored ${utcMinute(storedAt)}${checked})`;
}
