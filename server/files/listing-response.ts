import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { BodyWriter } from './body-writer.js';
import { INDEX_CACHE } from './cache-rules.js';
import { evaluateConditions, type Validators } from './conditions.js';
import { chooseFormat, formatListing, type FormattedListing, type ListingFormat } from './listing-formats.js';
import {
  buildListing,
  readListingQuery,
  type Listing,
  type ListingPlace,
  type ListingQuery,
  type ListingRenderer,
} from './listing.js';
import type { FolderEntry } from './read-folder.js';
import { sendBody, sendReady, shortAnswer, type Sent } from './short-answer.js';

/** A folder that was found, and the way to its entries. */
export interface ServedFolder {
  readonly place: ListingPlace;
  readonly stats: Stats;
  /** Undefined when the tree was taken away meanwhile. */
  read(): Promise<readonly FolderEntry[] | undefined>;
}

/** Listings of one folder that are kept, by their form. */
export interface KeptListings {
  /** Bytes that are kept of one. */
  readonly largest: number;
  get(form: string): Buffer | undefined;
  /** Keeps what `render` gives; those who ask for the same at the same time wait for the same. */
  make(form: string, render: () => Promise<Rendered>): Promise<Rendered>;
}

/** All of a listing. `large`: more than is kept. `gone`: the tree was taken away before its entries were read. */
export type Rendered = Buffer | 'large' | 'gone';

/** Entries that are rendered and written at a time. */
const ROWS = 500;

/** For a renderer that brings no policy of its own: our pages need their own files and nothing else. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const DATA_POLICY = "default-src 'none'; sandbox";

/**
 * Answers GET or HEAD with the listing in the format that was asked for: at once where it is kept, else sent as it is made.
 * @returns undefined, with nothing written, when the tree was taken away before its entries were read
 */
export function sendListing(
  request: IncomingMessage,
  response: ServerResponse,
  folder: ServedFolder,
  options: { query: string; renderer: ListingRenderer; now: number; kept?: KeptListings },
): Sent | Promise<Sent | undefined> {
  const format = chooseFormat(options.query, request.headers.accept);
  const validators = listingValidators(folder, format, options.now);
  const common = {
    ETag: validators.etag,
    'Cache-Control': INDEX_CACHE,
    Vary: 'Accept',
  };
  const condition = evaluateConditions(request.headers, validators);
  if (condition === 'not-modified') {
    response.writeHead(304, common);
    return sendBody(response, 304);
  }
  if (condition === 'failed')
    return sendReady(response, shortAnswer(request, { status: 412, text: 'The folder has changed.' }));

  const formatted = formatListing(format, options.renderer);
  const headers = { ...common, 'Content-Type': formatted.type, ...pageHeaders(format, options.renderer) };
  if (request.method === 'HEAD') {
    response.writeHead(200, headers);
    return sendBody(response, 200);
  }
  const asked = readListingQuery(options.query);
  // there are few orders and no end of filters
  const kept = asked.filter === '' ? options.kept : undefined;
  const form = `${format} ${asked.sort.column} ${asked.sort.order}`;
  const known = kept?.get(form);
  if (known) {
    response.writeHead(200, headers);
    return sendBody(response, 200, known);
  }
  const how = { asked, headers, formatted };
  return kept ? sendKept(response, folder, { ...how, kept, form }) : makeListing(response, folder, how);
}

interface HowMade {
  readonly asked: ListingQuery;
  readonly headers: OutgoingHttpHeaders;
  readonly formatted: FormattedListing;
}

/** Made without a look at the client, since others wait for it as well; too large a one is made for each anew. */
async function sendKept(
  response: ServerResponse,
  folder: ServedFolder,
  how: HowMade & { kept: KeptListings; form: string },
): Promise<Sent | undefined> {
  const rendered = await how.kept.make(how.form, () => render(folder, how, how.kept.largest));
  if (rendered === 'gone') return undefined;
  if (rendered === 'large') return makeListing(response, folder, how);
  response.writeHead(200, how.headers);
  return sendBody(response, 200, rendered);
}

async function render(folder: ServedFolder, { asked, formatted }: HowMade, largest: number): Promise<Rendered> {
  const entries = await folder.read();
  if (!entries) return 'gone';
  const pieces: Buffer[] = [];
  let bytes = 0;
  for (const text of piecesOf(await buildListing(folder.place, entries, asked), formatted)) {
    const piece = Buffer.from(text);
    bytes += piece.length;
    if (bytes > largest) return 'large';
    pieces.push(piece);
    await setImmediate();
  }
  return Buffer.concat(pieces);
}

async function makeListing(
  response: ServerResponse,
  folder: ServedFolder,
  { asked, headers, formatted }: HowMade,
): Promise<Sent | undefined> {
  const entries = await folder.read();
  if (!entries) return undefined;
  const listing = await buildListing(folder.place, entries, asked);
  response.writeHead(200, headers);
  const writer = new BodyWriter(response);
  for (const piece of piecesOf(listing, formatted)) {
    if (!(await writer.write(piece))) return { status: 200, bytes: writer.bytes, complete: false };
    await setImmediate();
  }
  const complete = await writer.end();
  return { status: 200, bytes: writer.bytes, complete };
}

/**
 * A weak entity tag (RFC 9110 section 8.8.1) of what the page is made from: the generation with its last confirmation,
 * the folder's own time (for trees that are changed in place), and the format. No Last-Modified: a rollback brings back
 * a folder and a generation that are older than what a client has, and it would go on with that.
 */
function listingValidators(folder: ServedFolder, format: ListingFormat, now: number): Validators {
  const { generation } = folder.place;
  const facts = [generation.id, generation.publishedAt, generation.confirmedAt, folder.stats.mtimeMs, format];
  const digest = createHash('sha256').update(JSON.stringify(facts)).digest('base64url').slice(0, 16);
  return { etag: `W/"${digest}"`, lastModified: null, now };
}

function pageHeaders(format: ListingFormat, renderer: ListingRenderer): OutgoingHttpHeaders {
  const policy = { 'Content-Security-Policy': format === 'html' ? PAGE_POLICY : DATA_POLICY };
  return { 'X-Content-Type-Options': 'nosniff', ...policy, ...(format === 'html' ? renderer.headers : {}) };
}

/** The text of a listing, so much at a time that rendering it takes the loop for some milliseconds. */
function* piecesOf(listing: Listing, formatted: FormattedListing): Generator<string> {
  let pending = formatted.head(listing);
  for (let start = 0; start < listing.entries.length; start += ROWS) {
    pending += formatted.rows(listing.entries.slice(start, start + ROWS), start === 0);
    if (start + ROWS < listing.entries.length) {
      yield pending;
      pending = '';
    }
  }
  yield pending + formatted.foot(listing);
}
