import { messageOf } from '../core/errors.js';
import { parseUpstream } from '../core/upstream.js';
import { cronProblem } from './cron-sentence.js';
import { pathProblem, quote } from './fields.js';

/** Why a value of a mirror cannot be used: each function answers with a whole sentence, or undefined when it can. */

export function upstream(value: string): string | undefined {
  try {
    parseUpstream(value);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** An address below which a path of the tree is appended. */
export function source(value: string): string | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isPlain = url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash;
  if (isPlain && url.pathname.endsWith('/')) return undefined;
  return `${quote(value)} is not the address of a folder: write it as https://mirror.example.net/debian/`;
}

export function schedule(value: string): string | undefined {
  return value === 'manual' ? undefined : cronProblem(value);
}

export function stageName(value: string): string | undefined {
  if (/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/.test(value)) return undefined;
  return `${quote(value)} is not a stage name: 1 to 32 of a-z, 0-9 and "-"`;
}

/** rsync(1), "FILTER RULES": a pattern of its own is never taken for a rule or for a new list. */
export function pattern(value: string): string | undefined {
  if (value.trim() === '') return `${quote(value)} is an empty pattern`;
  if (/[\0\r\n]/.test(value)) return `${quote(value)} holds a NUL or a line break`;
  if (/^[-+] |^!$/.test(value)) return `${quote(value)} is a filter rule: write the pattern alone`;
  return value.length > 4096 ? `${quote(value)} is longer than 4096 characters` : undefined;
}

export function markerPath(value: string): string | undefined {
  if (value === '') return 'the path of the marker is empty';
  if (/\p{Cc}/u.test(value)) return `${quote(value)} holds a control character`;
  if (value.startsWith('/')) return `${quote(value)} begins with "/": write it relative to upstream's root`;
  if (value.endsWith('/')) return `${quote(value)} names a folder: a marker is a file`;
  if (value.split('/').some((part) => part === '..' || part === '.' || part === ''))
    return `${quote(value)} holds an empty part, "." or "..": write the plain path`;
  // rsync would expand these on the other side
  return /[*?[\]\\]/.test(value) ? `${quote(value)} holds a wildcard: a marker is one file` : undefined;
}

/** The file itself, or a folder. */
export function markerUrl(value: string): string | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isPlain = url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.hash;
  if (isPlain && !(url.search && value.endsWith('/'))) return undefined;
  return `${quote(value)} is not an address: write it as https://deb.example.org/debian/, without user and password`;
}

/** A file of the tree, of which the last part may be a pattern. */
export function waitFile(value: string): string | undefined {
  if (!/[*?]/.test(value)) return markerPath(value);
  const last = value.split('/').at(-1) ?? '';
  const above = value.slice(0, value.length - last.length);
  if (/[*?[\]]/.test(above) || /[[\]\\]|\*\*/.test(last))
    return `${quote(value)} holds a wildcard other than "*" and "?" in its last part`;
  return markerPath(`${above}x`) ?? (/\p{Cc}/u.test(last) ? `${quote(value)} holds a control character` : undefined);
}

export function listName(value: string): string | undefined {
  if (value.includes('/')) return `${quote(value)} holds a "/": the list is a file at upstream's root`;
  return markerPath(value);
}

export function hostName(value: string): string | undefined {
  if (/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i.test(value) && !value.includes('..')) return undefined;
  return `${quote(value)} is not the name of a host: write it as mirror.example.edu`;
}

/** Passwords end up here by mistake: the value is never quoted. */
export function variable(value: string): string | undefined {
  return /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(value) ? undefined : 'is not the name of an environment variable';
}

export function passwordFile(value: string): string | undefined {
  return pathProblem(value) && 'is not the path of a file';
}

export function keyFile(value: string): string | undefined {
  return value.includes('"') ? `${quote(value)} holds a double quote` : pathProblem(value);
}

export function description(value: string): string | undefined {
  if (/(?!\s)\p{Cc}/u.test(value)) return `${quote(value)} holds a control character`;
  return value.length > 2000 ? `${quote(value)} is longer than 2000 characters` : undefined;
}
