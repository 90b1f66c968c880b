import type * as z from 'zod';
import { quote } from './fields.js';

/** Something that is wrong in a configuration: where, and a sentence that goes on from there. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly sentence: string;
}

const PASSWORD = 'password';
const CREDENTIALS = 'credentials';

const MAY_BE_MISSING = new Set(['invalid_type', 'invalid_union', 'invalid_value']);
const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section of keys',
  record: 'a section of keys',
};

/** Words for what zod finds by itself. Nothing at or below `password` or `credentials` is quoted: it may be secret. */
export const errorMap: z.core.$ZodErrorMap = (issue) => {
  const isMissing = issue.input === undefined;
  if (issue.code === 'invalid_type' && issue.path?.at(-1) === PASSWORD)
    return 'must be {file: PATH} or {env: NAME}: the password itself does not belong into this file';
  if (issue.code === 'invalid_type' && issue.path?.at(-1) === CREDENTIALS)
    return "must be the path of a file in the form of Docker's config.json: an account does not belong into this file";
  const value = issue.path?.includes(PASSWORD) ? 'this' : quote(issue.input);
  if (isMissing && MAY_BE_MISSING.has(issue.code)) return 'is missing';
  if (issue.code === 'invalid_type') return `${value} is not ${KINDS[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value') return `${value} is not allowed: it must be ${alternatives(issue.values)}`;
  if (issue.code === 'too_small' && issue.origin === 'array') return 'the list is empty';
  return undefined;
};

/** All problems of a failed check, in the order of the keys. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], above: readonly PropertyKey[] = []): Problem[] {
  return issues.flatMap((issue) => {
    const path = [...above, ...issue.path];
    if (issue.code === 'invalid_union') {
      const meant = meantBranch(issue.errors);
      if (meant) return problemsOf(meant, path);
    }
    if (issue.code !== 'unrecognized_keys') return [{ path, sentence: issue.message }];
    const sentences = issue.message.split('\n');
    const isSecret = path.includes(PASSWORD);
    return issue.keys.map((key, index) => ({
      path: isSecret ? path : [...path, key],
      sentence: sentences[index] ?? 'unknown key',
    }));
  });
}

/** A path as it is written for people: `mirrors.debian.stages[0].exclude`. */
export function dottedPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, segment) => {
    if (typeof segment === 'number') return `${text}[${segment}]`;
    const name = /^[\w+-][\w.+-]*$/.test(String(segment)) ? String(segment) : quote(segment);
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

function alternatives(values: readonly unknown[]): string {
  return new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(values.map(quote));
}

/** Of a value that may have several forms, the problems of the only form that its own kind fits. */
function meantBranch(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] | undefined {
  const fitting = branches.filter((issues) =>
    issues.every(({ code, path }) => path.length > 0 || (code !== 'invalid_type' && code !== 'invalid_value')),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}
