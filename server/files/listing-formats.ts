import type { IncomingHttpHeaders } from 'node:http';
import { formatHttpDate } from './http-date.js';
import type { Listing, ListingEntry, ListingRenderer } from './listing.js';

export type ListingFormat = 'html' | 'json' | 'text';

/** A listing in one format, in pieces that are joined without anything between. */
export interface FormattedListing {
  readonly type: string;
  head(listing: Listing): string;
  /** `first` is true for the first entries of all. */
  rows(entries: readonly ListingEntry[], first: boolean): string;
  foot(listing: Listing): string;
}

const MEDIA_TYPES: readonly (readonly [ListingFormat, readonly string[]])[] = [
  ['html', ['text/html', 'application/xhtml+xml']],
  ['json', ['application/json']],
  ['text', ['text/plain']],
];

/**
 * The format that was asked for: `?format=html|json|text` before the Accept field (RFC 9110 section 12.5.1), of which
 * the named type with the highest weight counts, HTML before JSON before text. Wildcards and nothing mean HTML.
 */
export function chooseFormat(query: string, accept: IncomingHttpHeaders['accept']): ListingFormat {
  const asked = new URLSearchParams(query).get('format');
  if (asked === 'html' || asked === 'json' || asked === 'text') return asked;
  let [chosen, best]: [ListingFormat, number] = ['html', 0];
  const weights = acceptedTypes(accept ?? '');
  for (const [format, types] of MEDIA_TYPES) {
    const weight = Math.max(...types.map((type) => weights.get(type) ?? 0));
    if (weight > best) [chosen, best] = [format, weight];
  }
  return chosen;
}

function acceptedTypes(accept: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const weight = parameters.map((parameter) => /^q=(0(?:\.\d*)?|1(?:\.0*)?)$/.exec(parameter)?.[1]).find(Boolean);
    weights.set(type, Number(weight ?? 1));
  }
  return weights;
}

/** The format as functions; HTML is what `renderer` makes of it. */
export function formatListing(format: ListingFormat, renderer: ListingRenderer): FormattedListing {
  if (format === 'json') return JSON_LISTING;
  if (format === 'text') return TEXT_LISTING;
  return {
    type: 'text/html; charset=utf-8',
    head: (listing) => renderer.head(listing),
    rows: (entries) => renderer.rows(entries),
    foot: (listing) => renderer.foot(listing),
  };
}

/** What nginx's `autoindex_format json` gives, so that its readers work: one object a line. */
const JSON_LISTING: FormattedListing = {
  type: 'application/json; charset=utf-8',
  head: () => '[',
  rows: (entries, first) =>
    entries.map((entry, index) => `${first && index === 0 ? '\n' : ',\n'}${jsonOf(entry)}`).join(''),
  foot: () => '\n]\n',
};

/** A name that is not UTF-8 has no form in JSON; it stands as it is displayed. */
function jsonOf(entry: ListingEntry): string {
  const bytes = Buffer.from(entry.name, 'latin1');
  const text = bytes.toString('utf8');
  return JSON.stringify({
    name: Buffer.from(text).equals(bytes) ? text : entry.displayName,
    type: entry.kind === 'folder' ? 'directory' : 'file',
    mtime: formatHttpDate(entry.mtime),
    ...(entry.size === null ? {} : { size: entry.size }),
  });
}

/** `name<TAB>size<TAB>epoch` a line: bytes and seconds; a folder ends in a slash and has the size `-`. */
const TEXT_LISTING: FormattedListing = {
  type: 'text/plain; charset=utf-8',
  head: () => '',
  rows: (entries) => entries.map(textOf).join(''),
  foot: () => '',
};

/** The displayed name has no tab and no line break, whatever the file is called. */
function textOf(entry: ListingEntry): string {
  const slash = entry.kind === 'folder' ? '/' : '';
  return `${entry.displayName}${slash}\t${entry.size ?? '-'}\t${Math.floor(entry.mtime / 1000)}\n`;
}
