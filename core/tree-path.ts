/**
 * A name on disk as its bytes: one character of U+0000 to U+00FF for each byte ("latin1"), so that names that are not
 * UTF-8 survive. Show it with `displayName`, link to it with `encodeName`, never print it as it is.
 */
export type RawName = string;

/** A path that came from outside and cannot leave the folder that it is joined to. */
export interface TreePath {
  /** Never empty strings, `.`, `..`, NUL or a slash. */
  readonly segments: readonly RawName[];
  /** It ended in a slash: a folder was asked for. */
  readonly folder: boolean;
  /** It had no empty segments; a path that is not tidy has a tidy form that means the same. */
  readonly tidy: boolean;
}

/** Why a path from outside is refused, as the end of a sentence that starts with "the path". */
export const TREE_PATH_PROBLEMS = {
  encoding: 'is not percent-encoded correctly: "%" must be followed by two hexadecimal digits',
  nul: 'holds a NUL byte, which no file name can hold',
  slash: 'holds an encoded slash, which no file name can hold',
  dots: 'holds a "." or ".." segment; ask for the path that it leads to',
  length: 'is longer than a file name can be: 255 bytes a segment, 4096 bytes in all',
} as const;

export type TreePathProblem = keyof typeof TREE_PATH_PROBLEMS;

export type ParsedTreePath = { readonly path: TreePath } | { readonly problem: TreePathProblem };

/** Limits of Linux: PATH_MAX and NAME_MAX, in bytes. */
const MAX_PATH = 4096;
const MAX_SEGMENT = 255;

/**
 * The one door for paths from outside: reads the path of a request target (RFC 3986 section 3.3, without query) as bytes.
 * Percent-encoding is undone exactly once, so `%252e` names the file `%2e`. A backslash is an ordinary character of a
 * file name; raw characters of U+0080 to U+00FF are the bytes of that value.
 */
export function parseTreePath(pathname: string): ParsedTreePath {
  if (pathname.length > MAX_PATH * 3) return { problem: 'length' };
  const segments: RawName[] = [];
  const parts = pathname.replace(/^\//, '').split('/');
  const last = parts.pop() ?? '';
  const folder = last === '';
  let tidy = true;
  let length = 0;
  for (const part of folder ? parts : [...parts, last]) {
    if (part === '') {
      tidy = false;
      continue;
    }
    const name = decodeSegment(part);
    if (name === undefined) return { problem: 'encoding' };
    const problem = nameProblem(name);
    if (problem) return { problem };
    length += name.length + 1;
    segments.push(name);
  }
  return length > MAX_PATH ? { problem: 'length' } : { path: { segments, folder, tidy } };
}

/**
 * A path below a root as a list of files has it, bytes in latin1, without encoding; a slash at its end is taken off.
 * Undefined when it is none: absolute, with `.`, `..` or an empty segment, with a NUL or a line break, or too long.
 */
export function parseListedPath(text: string): string | undefined {
  const path = text.replace(/\/$/, '');
  if (path.length > MAX_PATH || /[\r\n]/.test(path)) return undefined;
  const isGood = path.split('/').every((name) => name !== '' && nameProblem(name) === undefined);
  return isGood ? path : undefined;
}

/** What of `name` can be no file name below a folder, or undefined. */
export function nameProblem(name: RawName): TreePathProblem | undefined {
  if (name === '.' || name === '..') return 'dots';
  if (name.includes('\0')) return 'nul';
  if (name.includes('/')) return 'slash';
  return name.length > MAX_SEGMENT ? 'length' : undefined;
}

/**
 * Whether a name is one that rsync gives to what is not complete: `.name.XXXXXX` (mkstemp, receiver.c), the folder
 * `.~tmp~` of --delay-updates, `.rsync-partial` of --partial-dir. Other dotfiles (`.treeinfo`, `.htaccess`) are files,
 * and so is `.app.config`: six random letters and digits are hardly ever all lower case letters.
 */
export function isTransient(name: RawName): boolean {
  if (name === '.~tmp~' || name === '~tmp~' || name === '.rsync-partial') return true;
  return /^\..+\.(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{6}$/s.test(name);
}

/** The path on disk of `segments` below the absolute folder `root`, as bytes. */
export function joinTree(root: string | Buffer, segments: readonly RawName[]): Buffer {
  const base = typeof root === 'string' ? Buffer.from(root) : root;
  return Buffer.concat([base, Buffer.from(segments.map((name) => `/${name}`).join(''), 'latin1')]);
}

/** A name percent-encoded for a URL: its bytes, so that the same file is found again (RFC 3986 section 2). */
export function encodeName(name: RawName): string {
  if (PLAIN_NAME.test(name)) return name;
  return name.replace(
    ENCODED_CHARACTERS,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** Segments as an absolute URL path. It never starts with `//`, since no segment is empty. */
export function encodePath(segments: readonly RawName[], folder: boolean): string {
  if (segments.length === 0) return '/';
  return `/${segments.map(encodeName).join('/')}${folder ? '/' : ''}`;
}

const PLAIN_NAME = /^[A-Za-z0-9._~+=@,:-]*$/;
const ENCODED_CHARACTERS = /[^A-Za-z0-9._~+=@,:-]/g;

/**
 * A name for people: UTF-8 where it is that; bytes that are not, control characters and those that change the
 * direction of writing (a name must not look like another) as `\xNN` of their bytes. Still to be escaped for HTML.
 */
export function displayName(name: RawName): string {
  if (/^[\x20-\x7e]*$/.test(name)) return name;
  const bytes = Buffer.from(name, 'latin1');
  const text = bytes.toString('utf8');
  const parts = text.includes('\ufffd') ? name.split(UTF8_RUNS).map(showRun) : [text];
  return parts.join('').replace(DECEIVING, (character) => hexOf(Buffer.from(character)));
}

// well-formed sequences (Unicode table 3-7), one or more in a row; the brackets keep them in the result of split
const UTF8_RUNS =
  /((?:[\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})+)/;
const DECEIVING = /[\p{Cc}\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** `split` with one group gives what lies between at even places, the runs at odd ones. */
function showRun(part: string, index: number): string {
  const bytes = Buffer.from(part, 'latin1');
  return index % 2 === 1 ? bytes.toString('utf8') : hexOf(bytes);
}

function hexOf(bytes: Buffer): string {
  return [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

function decodeSegment(part: string): RawName | undefined {
  if (/[^\0-\xff]/.test(part) || /%(?![0-9A-Fa-f]{2})/.test(part)) return undefined;
  return part.replace(/%(..)/gs, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
