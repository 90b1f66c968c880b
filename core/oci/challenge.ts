/** One way in which a server lets itself be convinced (RFC 9110 section 11.6.1). */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case; of one that is given twice the first counts. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** More than any server sends; bounds the work that one answer can cause. Characters, and challenges. */
const LONGEST_FIELD = 8192;
const MOST_CHALLENGES = 16;

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const PARAMETER = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"=][^\s,"]*))/y;
const SPACE = /[ \t]+/y;
const SEPARATORS = /[ \t,]*/y;

/**
 * Reads WWW-Authenticate: several challenges in a field, several fields, quoted strings with escapes. What comes after
 * something that cannot be read is left out, never guessed. Unquoted values may hold any character but a separator,
 * since some registries send an address like that.
 */
export function parseChallenges(field: string | readonly string[] | undefined): Challenge[] {
  const fields = field === undefined ? [] : typeof field === 'string' ? [field] : field;
  return fields.flatMap(readField).slice(0, MOST_CHALLENGES);
}

function readField(text: string): Challenge[] {
  const challenges: Challenge[] = [];
  if (text.length > LONGEST_FIELD) return challenges;
  const reader = new Reader(text);
  reader.take(SEPARATORS);
  while (!reader.isAtEnd && challenges.length < MOST_CHALLENGES) {
    const scheme = reader.take(TOKEN)?.[0];
    if (scheme === undefined) return challenges;
    const parameters = reader.take(SPACE) ? readParameters(reader) : {};
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
    const between = reader.take(SEPARATORS)?.[0] ?? '';
    if (!reader.isAtEnd && !between.includes(',')) return challenges;
  }
  return challenges;
}

/** A list of parameters ends where a token comes that no "=" follows: that is the next scheme. */
function readParameters(reader: Reader): Record<string, string> {
  const parameters: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let isFirst = true; ; isFirst = false) {
    const before = reader.at;
    const between = reader.take(SEPARATORS)?.[0] ?? '';
    const found = isFirst || between.includes(',') ? reader.take(PARAMETER) : null;
    if (!found) {
      reader.at = before;
      if (isFirst) reader.take(TOKEN68);
      return parameters;
    }
    const [, name = '', quoted, bare = ''] = found;
    parameters[name.toLowerCase()] ??= quoted === undefined ? bare : quoted.replace(/\\(.)/g, '$1');
  }
}

class Reader {
  at = 0;

  constructor(readonly text: string) {}

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** What `pattern`, a sticky one, finds here; the place moves behind it. */
  take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at += found[0].length;
    return found;
  }
}
