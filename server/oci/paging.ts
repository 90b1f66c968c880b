import { OciError } from '../../core/oci/errors.js';

/** What is sent at a time where a client asks for more, or says nothing. */
export const LARGEST_PAGE = 10_000;

/** A page of a list in the bytewise order of its entries. */
export interface PageRequest {
  /** Entries that come behind this one, which need not exist; empty is from the begin. */
  readonly last: string;
  /** How many; 0 asks for none. */
  readonly limit: number;
}

/** Reads `n` and `last` (OCI distribution specification 1.1, "Listing Tags"). @throws OciError PAGINATION_NUMBER_INVALID */
export function readPage(query: URLSearchParams): PageRequest {
  const n = query.get('n');
  if (n !== null && !/^\d{1,15}$/.test(n)) throw new OciError('PAGINATION_NUMBER_INVALID');
  return { last: query.get('last') ?? '', limit: n === null ? LARGEST_PAGE : Math.min(Number(n), LARGEST_PAGE) };
}

/**
 * The Link field to the page behind `last` (RFC 8288), in absolute-path form: right for clients behind a proxy, too.
 * The other parameters of the query are kept.
 */
export function nextLink(
  path: string,
  query: URLSearchParams,
  more: Readonly<Record<string, string>>,
): { Link: string } {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(more)) next.set(name, value);
  return { Link: `<${path}?${next.toString()}>; rel="next"` };
}
