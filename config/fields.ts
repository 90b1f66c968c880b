import { distance } from 'fastest-levenshtein';
import * as z from 'zod';
import { parseDuration, parseDurationRange } from '../core/units.js';

/** Meaning of a key for editors, and what it looks like. */
export interface Meaning {
  readonly description: string;
  readonly examples?: readonly unknown[];
}

/** A value as it is quoted in sentences: as JSON, cut to 120 characters. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}

/** A section of keys; others than those of `shape` are refused, with the closest one as a suggestion. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? unknownKeys(issue.keys, known) : undefined),
  });
}

/** Text that `problemOf` finds nothing wrong with; a problem is a whole sentence that quotes the value. */
export function text(meaning: Meaning, problemOf: (value: string) => string | undefined = lineProblem): z.ZodString {
  return z
    .string()
    .superRefine(complain(problemOf))
    .meta({ ...meaning });
}

/** Text that is read by `parse`; `what` ends the sentence `"..." is not ...`. */
export function parsed<T>(what: string, parse: (value: string) => T | undefined, meaning: Meaning) {
  return z
    .string({ error: ({ input }) => (input === undefined ? undefined : `${quote(input)} is not ${what}`) })
    .meta({ ...meaning })
    .transform((value, context) => {
      const result = parse(value.trim());
      if (result !== undefined) return result;
      context.addIssue({ code: 'custom', message: `${quote(value)} is not ${what}` });
      return z.NEVER;
    });
}

/** Seconds, written as `90s`, `15m`, `1h30m`, `7d`. */
export function duration(least: string, most: string, meaning: Meaning) {
  const limits = { from: parseDuration(least) ?? 0, to: parseDuration(most) ?? Infinity };
  return parsed(
    `a duration of ${least} to ${most}: write it as 90s, 15m, 1h30m or 7d`,
    (value) => within(parseDuration(value), limits),
    meaning,
  );
}

/** Two durations in seconds, written as `1m..1h`. */
export function durationRange(least: string, most: string, meaning: Meaning) {
  const limits = { from: parseDuration(least) ?? 0, to: parseDuration(most) ?? Infinity };
  return parsed(
    `a range of durations between ${least} and ${most}: write the shorter first, as 1m..1h`,
    (value) => {
      const range = parseDurationRange(value);
      return range && range.from >= limits.from && range.to <= limits.to ? range : undefined;
    },
    meaning,
  );
}

/** One text or a list of them, read as a list of at least `least`. Each entry is checked by `problemOf`. */
export function textList(meaning: Meaning, problemOf: (value: string) => string | undefined, least = 0) {
  const entry = z.string().superRefine(complain(problemOf));
  return z
    .union([entry, z.array(entry).min(least)], { error: mustBe('text, or a list of texts') })
    .meta({ ...meaning })
    .transform((value) => (typeof value === 'string' ? [value] : value));
}

/** A whole number from `least` to `most`. */
export function whole(least: number, most: number, meaning: Meaning): z.ZodInt {
  return z
    .int({
      error: ({ input }) =>
        input === undefined ? undefined : `${quote(input)} is not a whole number of ${least} to ${most}`,
    })
    .min(least)
    .max(most)
    .meta({ ...meaning });
}

export function complain(problemOf: (value: string) => string | undefined) {
  return (value: string, context: z.RefinementCtx): void => {
    const problem = problemOf(value);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  };
}

/** For unions: the sentence that says what would have been right. */
export function mustBe(what: string) {
  return ({ input }: { readonly input?: unknown }): string | undefined =>
    input === undefined ? undefined : `${quote(input)} is not allowed here: it must be ${what}`;
}

/** Why `value` is not one line of readable text. */
export function lineProblem(value: string): string | undefined {
  if (value.trim() === '') return `${quote(value)} is empty`;
  if (/\p{Cc}/u.test(value)) return `${quote(value)} holds a line break or another control character`;
  return value.length > 200 ? `${quote(value)} is longer than 200 characters` : undefined;
}

/** Why `value` is not the path of a file or folder of this machine. */
export function pathProblem(value: string): string | undefined {
  if (value === '') return 'the path is empty';
  if (/\p{Cc}/u.test(value)) return `${quote(value)} holds a control character`;
  if (value.startsWith('~')) return `${quote(value)} begins with "~", which only a shell knows; write the whole path`;
  return undefined;
}

/** For checks of several keys together, which run on values of any kind. */
export function isSection(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function within(value: number | undefined, limits: { from: number; to: number }): number | undefined {
  return value !== undefined && value >= limits.from && value <= limits.to ? value : undefined;
}

/** One line for each key, in the order of `keys`. */
function unknownKeys(keys: readonly string[], known: readonly string[]): string {
  return keys.map((key) => unknownKey(key, known)).join('\n');
}

function unknownKey(key: string, known: readonly string[]): string {
  const byDistance = known.map((name) => ({ name, away: distance(key, name) })).sort((a, b) => a.away - b.away);
  const nearest = byDistance[0];
  if (nearest && nearest.away <= Math.max(2, Math.floor(key.length / 3)))
    return `unknown key; did you mean "${nearest.name}"?`;
  return `unknown key; allowed here: ${known.join(', ')}`;
}
