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
import { sendBody, sendShortAnswer, type Sent } from './short-answer.js';

/** A folder that was found, and the way to its entries. */
export interface ServedFolder {
  readonly place: ListingPlace;
  readonly stats: Stats;
  /** Undefined when the tree was taken away meanwhile. */
  read(): Promise<readonly FolderEntry[] | undefined>;
}

/** Listings of one folder that were rendered before, by their form. */
export interface KeptListings {
  /** Bytes that are kept of one. */
  readonly largest: number;
  get(form: string): Buffer | undefined;
  set(form: string, body: Buffer): void;
}

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
    return sendShortAnswer(request, response, { status: 412, headers: {}, text: 'The folder has changed.' });

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
  return makeListing(response, folder, { asked, headers, formatted, keep: kept && keepingAs(kept, form) });
}

/** What is kept once all of it was made, unless it is too large. */
interface Keep {
  add(text: string): void;
  end(): void;
}

function keepingAs(kept: KeptListings, form: string): Keep {
  let [pieces, bytes]: [Buffer[], number] = [[], 0];
  return {
    add(text) {
      if (bytes > kept.largest) return;
      const piece = Buffer.from(text);
      bytes += piece.length;
      if (bytes > kept.largest) pieces = [];
      else pieces.push(piece);
    },
    end() {
      if (bytes <= kept.largest) kept.set(form, Buffer.concat(pieces));
    },
  };
}

async function makeListing(
  response: ServerResponse,
  folder: ServedFolder,
  how: { asked: ListingQuery; headers: OutgoingHttpHeaders; formatted: FormattedListing; keep: Keep | undefined },
): Promise<Sent | undefined> {
  const entries = await folder.read();
  if (!entries) return undefined;
  const listing = await buildListing(folder.place, entries, how.asked);
  response.writeHead(200, how.headers);
  return streamListing(response, listing, how.formatted, how.keep);
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

async function streamListing(
  response: ServerResponse,
  listing: Listing,
  formatted: FormattedListing,
  keep: Keep | undefined,
): Promise<Sent> {
  const writer = new BodyWriter(response);
  let pending = formatted.head(listing);
  for (let start = 0; start < listing.entries.length; start += ROWS) {
    pending += formatted.rows(listing.entries.slice(start, start + ROWS), start === 0);
    if (start + ROWS >= listing.entries.length) break;
    keep?.add(pending);
    if (!(await writer.write(pending))) return { status: 200, bytes: writer.bytes, complete: false };
    pending = '';
    await setImmediate();
  }
  pending += formatted.foot(listing);
  keep?.add(pending);
  keep?.end();
  const complete = await writer.end(pending);
  return { status: 200, bytes: writer.bytes, complete };
}
