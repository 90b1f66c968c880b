import type { TagSelection } from './image-mirror.js';

/**
 * What is known of tags as versions and of patterns: packages outside of core do it. A tag is a version when it is one
 * to three numbers and nothing else, with or without a "v" before them: `12`, `12.5`, `v1.2.3`. What is missing counts
 * as 0. A tag with a suffix (`12.5-slim`, `1.2.3-rc1`) is none, so that only a pattern chooses it.
 */
export interface TagTools {
  /** Whether `tag` is a version within `range`. */
  satisfies(tag: string, range: string): boolean;
  /** Below 0 when the version `a` is the older one, 0 when they are equal, as `12` and `v12.0.0` are. */
  compare(a: string, b: string): number;
  /** Major and minor number of a version, `12.5`; null for a tag that is no version. */
  minor(tag: string): string | null;
  /** Whether `pattern`, a glob or a regular expression between slashes, fits the whole tag. */
  matches(pattern: string, tag: string): boolean;
}

/** When clients have pulled the tags of a repository here. Milliseconds since the epoch, UTC. */
export interface TagPulls {
  readonly now: number;
  /** When a tag was pulled last; null for never. */
  pulledAt(tag: string): number | null;
}

/**
 * The tags out of `tags` that `selection` takes: those chosen by version, by pattern or because they were pulled, less
 * those excluded. Versions come first, newest first, then all others bytewise; each tag once.
 */
export function selectTags(
  tags: readonly string[],
  selection: TagSelection,
  tools: TagTools,
  pulls: TagPulls,
): string[] {
  const fits = (patterns: readonly string[], tag: string): boolean =>
    patterns.some((pattern) => tools.matches(pattern, tag));
  const left = [...new Set(tags)].filter((tag) => !fits(selection.exclude, tag));
  const versions = left.filter((tag) => tools.minor(tag) !== null).sort(newestFirst(tools));
  const others = left.filter((tag) => tools.minor(tag) === null).sort(bytewise);
  const byVersion = new Set(chosenByVersion(versions, selection, tools));
  return [...versions, ...others].filter(
    (tag) => byVersion.has(tag) || fits(selection.include, tag) || isPulledLately(tag, selection, pulls),
  );
}

/** Of `versions`, newest first, those within the range, and of them the newest ones. */
function chosenByVersion(
  versions: readonly string[],
  { semver, latest, latestOf }: TagSelection,
  tools: TagTools,
): readonly string[] {
  if (semver === null && latest === null) return [];
  const within = semver === null ? versions : versions.filter((tag) => tools.satisfies(tag, semver));
  if (latest === null) return within;
  const groupOf = (tag: string): string => (latestOf === 'minor' ? (tools.minor(tag) ?? '') : '');
  return newest(within, { count: latest, groupOf, isEqual: (a, b) => tools.compare(a, b) === 0 });
}

/** The newest `count` versions of each group. Tags of one version, as `1.2` and `v1.2.0`, count as one. */
function newest(
  sorted: readonly string[],
  rule: { count: number; groupOf: (tag: string) => string; isEqual: (a: string, b: string) => boolean },
): string[] {
  const groups = new Map<string, { last: string; seen: number }>();
  return sorted.filter((tag) => {
    const group = rule.groupOf(tag);
    const before = groups.get(group);
    const isSame = before !== undefined && rule.isEqual(before.last, tag);
    const seen = (before?.seen ?? 0) + (isSame ? 0 : 1);
    groups.set(group, { last: tag, seen });
    return seen <= rule.count;
  });
}

function isPulledLately(tag: string, { pulledWithin }: TagSelection, pulls: TagPulls): boolean {
  if (pulledWithin === null) return false;
  const at = pulls.pulledAt(tag);
  return at !== null && pulls.now - at <= pulledWithin * 1000;
}

function newestFirst(tools: TagTools): (a: string, b: string) => number {
  return (a, b) => tools.compare(b, a) || bytewise(a, b);
}

/** Tags are ASCII, of which the order of characters is that of the bytes. */
function bytewise(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
