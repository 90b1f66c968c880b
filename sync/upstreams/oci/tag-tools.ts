import { compare, Range, SemVer } from 'semver';
import { tagMatcher } from '../../../config/tag-pattern.js';
import type { TagTools } from '../../../core/oci/tag-selection.js';

const NUMBERS = /^v?(\d{1,15})(?:\.(\d{1,15}))?(?:\.(\d{1,15}))?$/;
/** A lone number of so many digits is a date, as `20240329`, or counts builds. */
const DATE_DIGITS = 6;

/** Tools that remember what they have read and compiled: for one look at the tags of a repository. */
export function makeTagTools(): TagTools {
  const matchers = new Map<string, (tag: string) => boolean>();
  const ranges = new Map<string, Range>();
  const versions = new Map<string, SemVer | null>();
  const versionOf = (tag: string): SemVer | null => remembered(versions, tag, readVersion);
  return {
    satisfies: (tag, range) => {
      const version = versionOf(tag);
      return version !== null && remembered(ranges, range, rangeOf).test(version);
    },
    compare: (a, b) => {
      const [first, second] = [versionOf(a), versionOf(b)];
      return first && second ? compare(first, second) : 0;
    },
    minor: (tag) => {
      const version = versionOf(tag);
      return version && `${version.major}.${version.minor}`;
    },
    matches: (pattern, tag) => remembered(matchers, pattern, tagMatcher)(tag),
  };
}

/** `24.04` is 24.4.0: numbers of tags may begin with zeros, which semantic versions may not. */
function readVersion(tag: string): SemVer | null {
  const [, major, minor, patch] = NUMBERS.exec(tag) ?? [];
  if (major === undefined || (minor === undefined && major.length >= DATE_DIGITS)) return null;
  return new SemVer([major, minor ?? 0, patch ?? 0].map(Number).join('.'));
}

/** Loose, so that `>=22.04` is read like the tag. */
function rangeOf(range: string): Range {
  return new Range(range, { loose: true });
}

function remembered<Value>(known: Map<string, Value>, key: string, make: (key: string) => Value): Value {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make(key);
  known.set(key, made);
  return made;
}
