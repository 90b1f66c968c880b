import picomatch from 'picomatch';
import { messageOf } from '../core/errors.js';
import { quote } from './fields.js';

/** Wildcards in one pattern, which upstream's tags are compared with: each multiplies the work. */
const MOST_WILDCARDS = 4;
const LONGEST = 256;
const OPTIONS = { dot: true, nonegate: true, noextglob: true, strictBrackets: true } as const;
const FORMS = '"*" any characters, "?" one, "[0-9]" one of those, "{a,b}" either, or a regular expression /.../';

/**
 * Compiles a pattern of tags: `*` is any characters, `?` one, `[0-9]` one of those, `{a,b}` either, and `/.../` a
 * regular expression. It fits a whole tag or not at all. `pattern` must be without a problem.
 */
export function tagMatcher(pattern: string): (tag: string) => boolean {
  const expression = expressionIn(pattern);
  const whole = expression === undefined ? picomatch.makeRe(pattern, OPTIONS) : new RegExp(`^(?:${expression})$`);
  return (tag) => whole.test(tag);
}

/** Why `pattern` cannot stand for tags, as a sentence that quotes it, or undefined when it can. */
export function tagPatternProblem(pattern: string): string | undefined {
  const begin = quote(pattern);
  if (pattern === '') return 'the pattern is empty; "*" stands for all tags';
  if (pattern.length > LONGEST) return `${begin} is longer than ${LONGEST} characters`;
  const expression = expressionIn(pattern);
  if (expression !== undefined) return expressionProblem(pattern, expression);
  if (pattern.startsWith('!')) return `${begin} begins with "!": write what is not wanted under "exclude"`;
  if (/^\/|\/$/.test(pattern)) return `${begin} is half a regular expression: it begins and ends with "/"`;
  if (!/^[A-Za-z0-9._\-*?[\]{},^]+$/.test(pattern)) return `${begin} holds what no tag can; allowed are ${FORMS}`;
  if ((pattern.match(/\*+/g)?.length ?? 0) > MOST_WILDCARDS) return `${begin} has more than ${MOST_WILDCARDS} "*"`;
  return globProblem(pattern);
}

function expressionIn(pattern: string): string | undefined {
  return /^\/(.+)\/$/s.exec(pattern)?.[1];
}

function expressionProblem(pattern: string, expression: string): string | undefined {
  try {
    new RegExp(expression);
    return undefined;
  } catch (error) {
    const reason = messageOf(error).replace(/^Invalid regular expression: \/.*\/[a-z]*: /s, '');
    return `${quote(pattern)} is not a regular expression: ${reason}`;
  }
}

function globProblem(pattern: string): string | undefined {
  const begin = quote(pattern);
  if (/\{[^,{}]*\}/.test(pattern)) return `${begin} has one alternative only in its braces: write {a,b}`;
  try {
    // a closing brace alone would be taken as it is, which no tag holds
    if (pattern.split('{').length !== pattern.split('}').length) throw new SyntaxError('a brace stands alone');
    picomatch(pattern, { ...OPTIONS, debug: true });
    return undefined;
  } catch {
    return `${begin} has a bracket or brace that is not whole; allowed are ${FORMS}`;
  }
}
