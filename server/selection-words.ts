import { nameMatcher } from '../config/name-pattern.js';
import type { ImageMirror, TagSelection } from '../core/oci/image-mirror.js';
import { formatDuration } from '../core/units.js';

/** Which tags are mirrored, as a sentence without its full stop. */
export function selectionWords({ tags, registry, repository }: ImageMirror): string {
  const chosen = [versionWords(tags), ...includeWords(tags.include), ...pulledWords(tags.pulledWithin)].filter(
    (part) => part !== '',
  );
  const isOnDemand = registry.onDemand !== null && nameMatcher(registry.onDemand.allow)(repository);
  const all = isOnDemand ? [...chosen, 'what clients have fetched on demand lately'] : chosen;
  const without = tags.exclude.length > 0 ? `, but never ${inList(tags.exclude, 'or')}` : '';
  return `${all.length > 0 ? all.join('; ') : 'no tag at all'}${without}`;
}

function versionWords({ semver, latest, latestOf }: TagSelection): string {
  if (semver === null && latest === null) return '';
  const range = semver === null ? 'versions' : `versions within “${semver}”`;
  if (latest === null) return `all ${range}`;
  const newest = latest === 1 ? 'the newest' : `the newest ${latest}`;
  return latestOf === 'minor' ? `${newest} of each minor version, of ${range}` : `${newest} of ${range}`;
}

function includeWords(patterns: readonly string[]): string[] {
  if (patterns.length === 0) return [];
  return patterns.includes('*') ? ['all tags'] : [`tags like ${inList(patterns, 'and')}`];
}

function pulledWords(seconds: number | null): string[] {
  return seconds === null ? [] : [`what was pulled here within ${formatDuration(seconds)}`];
}

function inList(texts: readonly string[], word: string): string {
  const [last = '', ...before] = [...texts].reverse();
  return before.length === 0 ? last : `${before.reverse().join(', ')} ${word} ${last}`;
}
