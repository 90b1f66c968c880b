import type { Stats } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  encodePath,
  isTransient,
  parseTreePath,
  TREE_PATH_PROBLEMS,
  type RawName,
  type TreePath,
} from '../../core/tree-path.js';
import type { PublishedTrees } from '../../content/published-trees.js';
import { INDEX_CACHE } from './cache-rules.js';
import {
  EntryCache,
  type CacheLimits,
  type KnownAbsence,
  type KnownFile,
  type KnownFolder,
  type Wanted,
} from './entry-cache.js';
import { sendFile } from './file-response.js';
import { EntryFinder } from './find-entry.js';
import { sendListing, type Rendered } from './listing-response.js';
import type { ListingRenderer } from './listing.js';
import { LOOKUP_TRIES, openEntry } from './open-entry.js';
import { readFolder } from './read-folder.js';
import { mirrorOf, splitTarget } from './request-target.js';
import type { FlatHeaders } from './response-head.js';
import { readyFile } from './ready-file.js';
import { sendReady, shortAnswer, type Asked, type KnownAnswer, type ReadyAnswer, type Sent } from './short-answer.js';

/** One answered request, for counters and logs. */
export interface ServedEvent extends Sent {
  readonly request: Asked;
  readonly mirror: string;
  readonly method: string;
  /** Below the mirror; the same object for the same path as long as it is remembered. */
  readonly segments: readonly RawName[];
}

/**
 * A request that no published tree has an answer for; nothing was written. Without `mirror` it is none of ours, with it
 * the page says why. 400 the path cannot be read, 404 nothing there, 503 nothing published yet.
 */
export interface Miss {
  readonly handled: false;
  readonly status: 404 | 400 | 503;
  readonly mirror?: string;
  /** Below the mirror; missing when it cannot be read. */
  readonly path?: TreePath;
  /** Why, as a full sentence. */
  readonly reason?: string;
  /** Seconds after which it is worth asking again: for a Retry-After field. */
  readonly retryAfter?: number;
}

/** What became of a request. */
export type FileResult = { readonly handled: true } | Miss;

export interface FileHandlerDeps {
  readonly trees: PublishedTrees;
  isMirror(name: string): boolean;
  /** Whether files of a mirror's published tree are replaced one by one; no mirror's unless given. */
  isInPlace?(name: string): boolean;
  readonly renderListing: ListingRenderer;
  onServed?(event: ServedEvent): void;
  /** Milliseconds since the epoch; the system's clock unless given. */
  readonly clock?: () => number;
  readonly extraHeaders?: ExtraHeaders;
  readonly cacheLimits?: Partial<CacheLimits>;
}

/** More header fields of files. */
export interface ExtraHeaders {
  of(mirror: string, segments: readonly RawName[], stats: Stats): FlatHeaders;
  /** Calls `listener` when there are others for a file. */
  onChange(listener: (mirror: string, segments: readonly RawName[]) => void): void;
}

export interface FileHandler {
  /**
   * What is known and kept in memory is answered at once; else it resolves when the answer has been sent or the client
   * has gone. @throws system errors that are no fault of the request (EMFILE, EIO); once something was written the
   * connection is broken instead, so that no part is taken for the whole
   */
  serve(request: IncomingMessage, response: ServerResponse): FileResult | Promise<FileResult>;
  /** What `serve` would say, where all of it is in memory; undefined where it may have to wait. Nothing is counted. */
  known(asked: Asked): KnownAnswer | FileResult | undefined;
}

/** A request for something below a mirror. */
interface TreeRequest extends WantedWithQuery {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

interface WantedWithQuery extends Wanted {
  /** With its question mark, or empty. */
  readonly query: string;
}

type Known = KnownFile | KnownFolder | KnownAbsence<FileResult>;
type Answer = Sent | FileResult;

interface Parts {
  readonly deps: FileHandlerDeps;
  readonly cache: EntryCache<FileResult>;
  readonly finder: EntryFinder<FileResult>;
}

const RETRY_AFTER = 60;

/** Serves the published trees below `/<mirror>/`. */
export function createFileHandler(deps: FileHandlerDeps): FileHandler {
  const cache = new EntryCache<FileResult>(deps.trees, deps.cacheLimits);
  const finder = new EntryFinder({
    ...{ trees: deps.trees, cache, absence: absent },
    isInPlace: (mirror) => isInPlace(deps, mirror),
    extraHeaders: (mirror, segments, stats) => deps.extraHeaders?.of(mirror, segments, stats) ?? [],
    clock: () => now(deps),
  });
  deps.extraHeaders?.onChange((mirror, segments) => cache.forget(encodePath([mirror, ...segments], false)));
  const parts = { deps, cache, finder };
  return { serve: (request, response) => serve(parts, request, response), known: (asked) => knownAnswer(parts, asked) };
}

function serve(parts: Parts, request: IncomingMessage, response: ServerResponse): FileResult | Promise<FileResult> {
  const found = lookInCache(parts, request);
  if (!found) return answerAnew(parts, request, response);
  const { known } = found;
  const sent = answerKnown(parts, { ...found, request, response }, known);
  if (sent instanceof Promise) return finishKnown(parts, { request, response, known }, sent);
  if (!sent) return answerAnew(parts, request, response);
  return 'handled' in sent ? sent : served(parts.deps, known, request, sent);
}

/** A query may ask for something else than the file: that is not decided here. */
function knownAnswer(parts: Parts, asked: Asked): KnownAnswer | FileResult | undefined {
  const found = lookInCache(parts, asked);
  if (!found || found.query !== '') return undefined;
  const { known } = found;
  if (known.kind === 'absent') return known.answer;
  const told = (sent: Sent): void => void served(parts.deps, known, asked, sent);
  if (known.kind === 'file') return readyFile(asked, known, { now: now(parts.deps), told });
  const moved = readyRedirect(asked, found);
  return moved && { ...moved, told };
}

/** What is remembered of the target of a GET or HEAD. */
function lookInCache({ deps, cache }: Parts, { url = '', method }: Asked): KnownTarget | undefined {
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  const mark = url.indexOf('?');
  const key = mark < 0 ? url : url.slice(0, mark);
  const known = cache.get(key);
  // settings may have changed since
  if (!known || !deps.isMirror(known.mirror) || isInPlace(deps, known.mirror)) return undefined;
  return { key, known, mirror: known.mirror, path: known.path, query: mark < 0 ? '' : url.slice(mark) };
}

interface KnownTarget extends WantedWithQuery {
  readonly known: Known;
}

async function finishKnown(
  parts: Parts,
  { request, response, known }: { request: IncomingMessage; response: ServerResponse; known: Known },
  answering: Promise<Answer | undefined>,
): Promise<FileResult> {
  return reportFailure(parts.deps, known, { request, response }, async () => {
    const sent = await answering;
    if (!sent) return answerAnew(parts, request, response);
    return 'handled' in sent ? sent : served(parts.deps, known, request, sent);
  });
}

/** Parses the target and looks on the disk. */
async function answerAnew(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<FileResult> {
  const { deps } = parts;
  const target = splitTarget(request.url ?? '');
  const mirror = target && mirrorOf(target);
  if (!target || mirror === undefined || !deps.isMirror(mirror)) return { handled: false, status: 404 };
  const parsed = parseTreePath(target.pathname);
  const segments = 'path' in parsed ? parsed.path.segments.slice(1) : [];
  const place = { mirror, path: { segments } };
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return served(deps, place, request, await sendReady(response, refuseMethod(request)));
  if ('problem' in parsed)
    return { handled: false, status: 400, mirror, reason: `The path ${TREE_PATH_PROBLEMS[parsed.problem]}.` };

  const path = { ...parsed.path, segments };
  const asked = { request, response, mirror, path, query: target.query, key: target.pathname };
  return reportFailure(deps, place, asked, async () => {
    const answer = await answerRequest(parts, asked);
    return 'handled' in answer ? answer : served(deps, place, request, answer);
  });
}

/** After something was written a failure can only be told by breaking the connection. */
async function reportFailure(
  deps: FileHandlerDeps,
  place: Place,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
  answer: () => Promise<FileResult>,
): Promise<FileResult> {
  try {
    return await answer();
  } catch (error) {
    if (!response.headersSent) throw error;
    response.destroy();
    return served(deps, place, request, { status: response.statusCode, bytes: 0, complete: false });
  }
}

/**
 * The nearest folder above `path` that exists, as an absolute URL path: the way on from a page that says 404.
 */
export async function nearestFolder(trees: PublishedTrees, mirror: string, path: TreePath): Promise<string> {
  const live = trees.get(mirror)?.live;
  for (let depth = path.segments.length - 1; live && depth > 0; depth--) {
    const above = path.segments.slice(0, depth);
    if (above.some(isTransient)) continue;
    const entry = await openEntry(live, above);
    if (entry.kind === 'folder') return encodePath([mirror, ...above], true);
    if (entry.kind === 'file') await entry.handle.close();
  }
  return encodePath([mirror], true);
}

interface Place {
  readonly mirror: string;
  readonly path: Pick<TreePath, 'segments'>;
}

const HANDLED: FileResult = { handled: true };

function served(deps: FileHandlerDeps, { mirror, path }: Place, request: Asked, sent: Sent): FileResult {
  const { status, bytes, complete } = sent;
  const { segments } = path;
  deps.onServed?.({ request, mirror, method: request.method ?? '', segments, status, bytes, complete });
  return HANDLED;
}

async function answerRequest(parts: Parts, asked: TreeRequest): Promise<Answer> {
  const { path } = asked;
  if (!path.tidy) return sendReady(asked.response, redirect(asked.request, asked, path.folder));
  if (path.segments.some(isTransient)) return absent(asked);
  for (let attempt = 0; attempt < LOOKUP_TRIES; attempt++) {
    const found = await parts.finder.find(asked);
    if (found.kind === 'unpublished' || found.kind === 'moving') return notYet(asked, found.kind);
    const { handle } = found.kind === 'file' ? found : { handle: null };
    try {
      const sent = await answerKnown(parts, asked, found);
      if (sent) return sent;
    } finally {
      handle?.release();
    }
  }
  return notYet(asked, 'moving');
}

/** Undefined, with nothing written, where it has to be looked for anew. */
function answerKnown(parts: Parts, asked: TreeRequest, known: Known): Answer | undefined | Promise<Answer | undefined> {
  const { request, response } = asked;
  if (known.kind === 'absent') return known.answer;
  if (known.kind === 'folder') return sendFolder(parts, asked, known);
  const { facts, body, handle } = known;
  const isHeld = handle?.hold() === true;
  const sent = sendFile(request, response, { facts, body, handle: isHeld ? handle : null }, now(parts.deps));
  if (!isHeld) return sent;
  if (sent instanceof Promise) return sent.finally(() => handle.release());
  handle.release();
  return sent;
}

function sendFolder(
  { deps, cache }: Parts,
  asked: TreeRequest,
  { found, trees }: KnownFolder,
): Sent | Promise<Sent | undefined> {
  const moved = readyRedirect(asked.request, asked);
  if (moved) return sendReady(asked.response, moved);
  const { mirror, path, key } = asked;
  const { generation } = found.tree;
  const madeWith = deps.renderListing.madeWith?.();
  const folder = {
    place: { mirror, segments: path.segments, generation },
    stats: found.stats,
    read: async () => {
      const entries = await readFolder(found.tree, found.within);
      const published = deps.trees.get(mirror);
      const stands = [published?.live, published?.previous].some((tree) => tree?.generation.id === generation.id);
      return stands || published?.kept?.some(({ root }) => root === found.tree.root) ? entries : undefined;
    },
  };
  const kept = {
    largest: cache.largestListing,
    get: (form: string) => cache.listing(key, form, madeWith),
    make: (form: string, render: () => Promise<Rendered>) =>
      cache.makeListing(key, form, { mirror, path, trees, madeWith, render }),
  };
  const options = { query: asked.query, renderer: deps.renderListing, now: now(deps) };
  return sendListing(asked.request, asked.response, folder, {
    ...options,
    ...(isInPlace(deps, mirror) ? {} : { kept }),
  });
}

/** A permanent place in absolute-path form: the same for clients behind a proxy, and never `//host` (RFC 9110 10.2.2). */
function redirect(asked: Asked, { mirror, path, query }: WantedWithQuery, folder: boolean): ReadyAnswer {
  const location = encodePath([mirror, ...path.segments], folder) + query;
  const fields = ['Location', location, 'Cache-Control', INDEX_CACHE];
  return shortAnswer(asked, { status: 301, fields, text: `Moved to ${location}` });
}

/** Of a folder that was asked for without its slash. */
function readyRedirect(asked: Asked, wanted: WantedWithQuery): ReadyAnswer | undefined {
  return wanted.path.folder ? undefined : redirect(asked, wanted, true);
}

/** Trees are only read (RFC 9110 section 15.5.6). */
function refuseMethod(asked: Asked): ReadyAnswer {
  const text = 'Mirrors are read with GET and HEAD only.';
  return shortAnswer(asked, { status: 405, fields: ['Allow', 'GET, HEAD'], text });
}

/** `@/` is no folder of a tree, but the page that lists generations. */
function absent(asked: Wanted): FileResult {
  if (asked.path.segments.length === 1 && asked.path.segments[0] === '@') return { handled: false, status: 404 };
  return { handled: false, status: 404, mirror: asked.mirror, path: asked.path };
}

function notYet(asked: TreeRequest, kind: 'unpublished' | 'moving'): FileResult {
  const reason =
    kind === 'unpublished'
      ? `The mirror "${asked.mirror}" has not been published yet: its first complete copy is still to come.`
      : `The mirror "${asked.mirror}" is being published right now.`;
  return {
    handled: false,
    status: 503,
    mirror: asked.mirror,
    path: asked.path,
    reason,
    retryAfter: kind === 'unpublished' ? RETRY_AFTER : 1,
  };
}

function isInPlace(deps: FileHandlerDeps, mirror: string): boolean {
  return deps.isInPlace?.(mirror) ?? false;
}

function now(deps: FileHandlerDeps): number {
  return (deps.clock ?? Date.now)();
}
