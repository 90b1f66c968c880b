import type { Generation } from '../../core/generation.js';
import { displayName, encodeName, type RawName } from '../../core/tree-path.js';
import type { FolderEntry } from './read-folder.js';
import { mapInBatches, sortInBatches } from './in-batches.js';

/** N name, M modification time, S size; the letters of Apache's listings, so that scripts know them. */
export type SortColumn = 'N' | 'M' | 'S';
/** A ascending, D descending. */
export type SortOrder = 'A' | 'D';

/** One line of a listing. `displayName` and `target` are text still to be escaped; `href` is percent-encoded. */
export interface ListingEntry {
  readonly name: RawName;
  readonly displayName: string;
  /** Relative to the listing, as `wget -r` follows it; ends in a slash for a folder. */
  readonly href: string;
  readonly kind: 'file' | 'folder';
  /** Bytes; null for a folder. */
  readonly size: number | null;
  /** Milliseconds since the epoch, UTC. */
  readonly mtime: number;
  /** Where a symlink points to, for people. */
  readonly target?: string;
}

/** A folder of a mirror as data; HTML, JSON and text are made from it. */
export interface Listing {
  readonly mirror: string;
  /** From the root of the site to this folder, the mirror first; each with its absolute URL path. */
  readonly path: readonly { readonly displayName: string; readonly href: string }[];
  /** Relative link to the folder above, or null at the root of the mirror. */
  readonly parent: '../' | null;
  /** Folders first, then as sorted. */
  readonly entries: readonly ListingEntry[];
  /** Of `entries`; `of` counts those before the filter. Bytes are of the files in this folder alone. */
  readonly totals: { readonly folders: number; readonly files: number; readonly bytes: number; readonly of: number };
  readonly sort: { readonly column: SortColumn; readonly order: SortOrder };
  /** The filter as it was given, or empty. */
  readonly query: string;
  readonly generation: Generation;
}

/** Makes HTML of a listing in pieces, so that a folder of any size can be sent as it is rendered. */
export interface ListingRenderer {
  /** Header fields of the page, its Content-Security-Policy above all. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What else than the folder the page is made from: as long as it is the same object, so is the page. */
  madeWith?(): unknown;
  head(listing: Listing): string;
  rows(entries: readonly ListingEntry[]): string;
  foot(listing: Listing): string;
}

/** What may be asked of a listing by its query. */
export interface ListingQuery {
  readonly sort: { readonly column: SortColumn; readonly order: SortOrder };
  readonly filter: string;
}

/** Where a listing is, and what it is of. */
export interface ListingPlace {
  readonly mirror: string;
  readonly segments: readonly RawName[];
  readonly generation: Generation;
}

const MAX_FILTER = 255;

/** Reads `?C=N|M|S`, `O=A|D` and `q=`; unknown values are the defaults, so that no link of any listing is dead. */
export function readListingQuery(query: string): ListingQuery {
  // Apache writes ?C=M;O=D
  const parameters = new URLSearchParams(query.replace(/;(?=[CO]=)/g, '&'));
  const column = parameters.get('C');
  return {
    sort: { column: column === 'M' || column === 'S' ? column : 'N', order: parameters.get('O') === 'D' ? 'D' : 'A' },
    filter: (parameters.get('q') ?? '').slice(0, MAX_FILTER),
  };
}

/** Filters and sorts what was read of a folder. Gives way to other work in between, however many entries there are. */
export async function buildListing(
  place: ListingPlace,
  found: readonly FolderEntry[],
  query: ListingQuery,
): Promise<Listing> {
  const wanted = query.filter.toLowerCase();
  const entries = await mapInBatches(found, toListingEntry);
  const shown = entries.filter((entry) => entry.displayName.toLowerCase().includes(wanted));
  const sorted = await sortInBatches(shown, comparison(query.sort));
  const files = sorted.filter((entry) => entry.kind === 'file');
  return {
    mirror: place.mirror,
    path: breadcrumbs(place),
    parent: place.segments.length === 0 ? null : '../',
    entries: sorted,
    totals: {
      folders: sorted.length - files.length,
      files: files.length,
      bytes: files.reduce((sum, entry) => sum + (entry.size ?? 0), 0),
      of: found.length,
    },
    sort: query.sort,
    query: query.filter,
    generation: place.generation,
  };
}

function toListingEntry(entry: FolderEntry): ListingEntry {
  return { ...entry, displayName: displayName(entry.name), href: hrefOf(entry) };
}

/** A name with a colon would be read as a URL with a scheme (RFC 3986 section 4.2). */
function hrefOf(entry: FolderEntry): string {
  const encoded = encodeName(entry.name);
  return `${encoded.includes(':') ? './' : ''}${encoded}${entry.kind === 'folder' ? '/' : ''}`;
}

function breadcrumbs(place: ListingPlace): { displayName: string; href: string }[] {
  let href = '/';
  return [place.mirror, ...place.segments].map((name) => {
    href += `${encodeName(name)}/`;
    return { displayName: displayName(name), href };
  });
}

/** Folders first whatever the order; equal ones by the bytes of their names, so that the order is always the same. */
function comparison(sort: ListingQuery['sort']): (a: FolderEntry, b: FolderEntry) => number {
  const direction = sort.order === 'D' ? -1 : 1;
  const byName = (a: FolderEntry, b: FolderEntry): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  const byColumn = {
    N: byName,
    M: (a: FolderEntry, b: FolderEntry) => a.mtime - b.mtime || byName(a, b),
    S: (a: FolderEntry, b: FolderEntry) => (a.size ?? 0) - (b.size ?? 0) || byName(a, b),
  }[sort.column];
  return (a, b) => (a.kind === b.kind ? direction * byColumn(a, b) : a.kind === 'folder' ? -1 : 1);
}
