import { parseTreePath } from '../../core/tree-path.js';

/** A request target in two raw parts, both still encoded. */
export interface RequestTarget {
  readonly pathname: string;
  /** With its question mark, or empty. */
  readonly query: string;
}

/** Splits a request target in origin form or absolute form (RFC 9112 section 3.2); undefined for `*` and `host:port`. */
export function splitTarget(target: string): RequestTarget | undefined {
  const local = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  const origin = local === '' || local.startsWith('?') ? `/${local}` : local;
  if (!origin.startsWith('/')) return undefined;
  const mark = origin.indexOf('?');
  return mark < 0 ? { pathname: origin, query: '' } : { pathname: origin.slice(0, mark), query: origin.slice(mark) };
}

/** The name of a mirror that a request would be for, by its target; undefined where there is none. */
export function mirrorAskedFor(url: string): string | undefined {
  const target = splitTarget(url);
  return target && mirrorOf(target);
}

/** The first segment of the path that is not empty, as the name of a mirror; undefined where it can be none. */
export function mirrorOf(target: RequestTarget): string | undefined {
  const first = /^\/*([^/]+)/.exec(target.pathname)?.[1];
  const parsed = first === undefined ? undefined : parseTreePath(first);
  return parsed && 'path' in parsed ? parsed.path.segments[0] : undefined;
}
