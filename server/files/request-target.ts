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
