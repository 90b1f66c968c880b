import { utcMinute } from '../../core/sentence.js';
import { countOf, formatBytes, formatCount, formatFiles } from '../../core/units.js';
import type { Listing, ListingEntry, ListingRenderer, SortColumn } from '../files/listing.js';
import { SECURITY_HEADERS } from '../security-headers.js';
import type { PageFrame } from './page-frame.js';
import { renderView } from './view.js';

const COLUMNS: readonly { readonly column: SortColumn; readonly label: string; readonly style: string }[] = [
  { column: 'N', label: 'Name', style: '' },
  { column: 'M', label: 'Changed', style: 'when' },
  { column: 'S', label: 'Size', style: 'num' },
];

/**
 * HTML of listings; `helpOf` is the page that tells how to set up a client. It shows times as they are, not how long
 * ago: a listing is kept by caches as long as it is true.
 */
export function createListingRenderer(
  frameOf: (title: string) => PageFrame,
  helpOf: (mirror: string) => string | null = () => null,
  madeWith: () => unknown = () => undefined,
): ListingRenderer {
  return {
    headers: SECURITY_HEADERS,
    madeWith,
    head: (listing) =>
      renderView('listing-head', {
        ...frameOf(titleOf(listing)),
        ...headModel(listing),
        help: helpOf(listing.mirror),
      }),
    rows: (entries) => renderView('listing-rows', { entries: entries.map(rowModel) }),
    foot: (listing) =>
      renderView('listing-foot', {
        ...frameOf(titleOf(listing)),
        empty: listing.entries.length === 0,
        query: listing.query,
      }),
  };
}

function titleOf(listing: Listing): string {
  return listing.path.map(({ displayName }) => displayName).join(' / ');
}

function headModel(listing: Listing): object {
  const { generation, totals } = listing;
  const crumbs = listing.path.slice(0, -1);
  return {
    mirror: listing.mirror,
    crumbs,
    here: listing.path.at(-1)?.displayName ?? listing.mirror,
    parent: listing.parent,
    query: listing.query,
    sort: listing.sort,
    columns: COLUMNS.map((column) => columnModel(column, listing)),
    confirmed: { iso: new Date(generation.confirmedAt).toISOString(), absolute: utcMinute(generation.confirmedAt) },
    totals: [
      countOf(totals.folders, 'folder', 'folders'),
      `${formatFiles(totals.files)}${totals.files > 0 ? `, ${formatBytes(totals.bytes)}` : ''}`,
    ].join(' · '),
    shown:
      listing.query === '' ? '' : `${formatCount(totals.folders + totals.files)} of ${formatCount(totals.of)} match`,
    json: formatLink(listing, 'json'),
    text: formatLink(listing, 'text'),
  };
}

function columnModel(column: (typeof COLUMNS)[number], listing: Listing): object {
  const { sort, query } = listing;
  const isSorted = sort.column === column.column;
  const order = isSorted && sort.order === 'A' ? 'D' : 'A';
  return {
    label: column.label,
    style: column.style,
    href: `?${new URLSearchParams({ C: column.column, O: order, ...(query ? { q: query } : {}) }).toString()}`,
    sorted: isSorted ? (sort.order === 'A' ? 'ascending' : 'descending') : 'none',
    arrow: isSorted ? (sort.order === 'A' ? '↑' : '↓') : '',
  };
}

function formatLink({ sort, query }: Listing, format: string): string {
  const asked = { C: sort.column, O: sort.order, ...(query ? { q: query } : {}), format };
  return `?${new URLSearchParams(asked).toString()}`;
}

function rowModel(entry: ListingEntry): object {
  const iso = new Date(entry.mtime).toISOString();
  return {
    name: entry.kind === 'folder' ? `${entry.displayName}/` : entry.displayName,
    href: entry.href,
    kind: entry.kind,
    target: entry.target ?? '',
    iso,
    day: iso.slice(0, 10),
    clock: iso.slice(11, 16),
    size: entry.size === null ? '' : formatBytes(entry.size),
    bytes: entry.size === null ? '' : `${formatCount(entry.size)} bytes`,
  };
}
