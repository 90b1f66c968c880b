import { formatDuration } from '../units.js';
import type { Digest } from './digest.js';

/** What is kept of the tags that were pushed here. Durations are seconds; null is no such limit. At least one is given. */
export interface RetentionRule {
  /** Patterns of repositories. */
  readonly repositories: readonly string[];
  /** Patterns of tags; none is all. */
  readonly tags: readonly string[];
  /** So many of the tags that the rule decides about in a repository stay, those that were pushed last. */
  readonly keepNewest: number | null;
  /** What was pushed within this time stays. */
  readonly olderThan: number | null;
  /** What was pulled or pushed within this time stays. */
  readonly unpulledFor: number | null;
}

/** Milliseconds since the epoch, UTC. */
export interface AgingTag {
  readonly tag: string;
  readonly digest: Digest;
  /** When it was last pushed, also with the image that it had. */
  readonly pushedAt: number;
  /** When it was last pulled, by tag or by digest; null for never. */
  readonly pulledAt: number | null;
}

const MADE_OF_DIGEST = /^(sha256|sha512)-([a-f0-9]{64}|[a-f0-9]{128})(?:\..+)?$/;

/**
 * The digest that a tag is made of, under which tools keep what belongs to an image: signatures of cosign, and referrers
 * where a client does not use their API (OCI distribution 1.1, "Referrers Tag Schema"). Null of any other tag.
 */
export function subjectOfTag(tag: string): Digest | null {
  const [, algorithm, hash] = MADE_OF_DIGEST.exec(tag) ?? [];
  return algorithm !== undefined && hash !== undefined ? `${algorithm}:${hash}` : null;
}

/** Whether both of the limits of age are passed, as far as they are given; how many are newer is not asked. */
export function isPastAge({ olderThan, unpulledFor }: RetentionRule, tag: AgingTag, now: number): boolean {
  const usedAt = Math.max(tag.pushedAt, tag.pulledAt ?? 0);
  return (
    (olderThan === null || now - tag.pushedAt > olderThan * 1000) &&
    (unpulledFor === null || now - usedAt > unpulledFor * 1000)
  );
}

/** Newest first; of those pushed at once, the bytewise last. */
export function byPush(a: AgingTag, b: AgingTag): number {
  return b.pushedAt - a.pushedAt || (a.tag < b.tag ? 1 : -1);
}

/** What the rule keeps, to go on from "keeps". */
export function keptByRule({ keepNewest, olderThan, unpulledFor }: RetentionRule): string {
  const kept = [
    keepNewest === null ? [] : keepNewest === 1 ? ['the newest'] : [`the newest ${keepNewest}`],
    olderThan === null ? [] : [`what was pushed within ${formatDuration(olderThan)}`],
    unpulledFor === null ? [] : [`what was pulled or pushed within ${formatDuration(unpulledFor)}`],
  ].flat();
  return kept.length < 3 ? kept.join(' and ') : `${kept[0]}, ${kept[1]}, and ${kept[2]}`;
}
