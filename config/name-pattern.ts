import picomatch from 'picomatch';
import { quote } from './fields.js';

/** Wildcards in one pattern. Clients choose the names that are compared, and each wildcard multiplies the work. */
const MOST_WILDCARDS = 3;
const OPTIONS = { dot: true, nonegate: true, noextglob: true, nobrace: true, nobracket: true } as const;

/** Whether one of `patterns` fits a whole repository name: `*` is any characters of one part, `**` any number of parts. */
export type NameMatcher = (name: string) => boolean;

/** Patterns must be without a problem. They are compiled once: keep the answer where names come often. */
export function nameMatcher(patterns: readonly string[]): NameMatcher {
  const expressions = patterns.map((pattern) => picomatch.makeRe(pattern, OPTIONS));
  return (name) => expressions.some((expression) => expression.test(name));
}

export function matchesName(pattern: string, name: string): boolean {
  return nameMatcher([pattern])(name);
}

/** Why `pattern` cannot stand for repositories, as a sentence that quotes it, or undefined when it can. */
export function namePatternProblem(pattern: string): string | undefined {
  const begin = quote(pattern);
  if (pattern === '') return 'the pattern is empty; "**" stands for all';
  if (pattern.length > 200) return `${begin} is longer than 200 characters`;
  if (/[A-Z]/.test(pattern)) return `${begin} holds capital letters, and names of repositories are in small ones`;
  if (/:/.test(pattern)) return `${begin} holds ":"; a pattern of repositories is without a registry's port or a tag`;
  if (!/^[a-z0-9._*/-]+$/.test(pattern))
    return `${begin} is not a pattern of repositories: a-z, 0-9, ".", "_", "-", "/", with "*" for any characters of one part, "**" for any parts`;
  const parts = pattern.split('/');
  if (parts.includes(''))
    return `${begin} holds an empty part: write it without "/" at its begin and end, as library/*`;
  if (parts.some((part) => part !== '**' && part.includes('**')))
    return `${begin} has "**" within a part, where "*" is enough; "**" stands alone, as in lab/**`;
  const wildcards = pattern.match(/\*+/g)?.length ?? 0;
  return wildcards > MOST_WILDCARDS ? `${begin} has more than ${MOST_WILDCARDS} wildcards` : undefined;
}
