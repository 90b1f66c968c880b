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
import { sendFile } from './file-response.js';
import { sendListing } from './listing-response.js';
import type { ListingRenderer } from './listing.js';
import { LOOKUP_TRIES, lookUp, openEntry, type FoundEntry } from './open-entry.js';
import { readFolder } from './read-folder.js';
import { splitTarget, type RequestTarget } from './request-target.js';
import { sendShortAnswer, type Sent } from './short-answer.js';

/** One answered request, for counters and logs. */
export interface ServedEvent extends Sent {
  readonly mirror: string;
  readonly method: string;
  /** Below the mirror. */
  readonly segments: readonly RawName[];
}

/**
 * What became of a request. When it was not handled nothing was written: without `mirror` it is none of ours, with it
 * the page says why. 400 the path cannot be read, 404 nothing there, 503 nothing published yet.
 */
export type FileResult =
  | { readonly handled: true }
  | {
      readonly handled: false;
      readonly status: 404 | 400 | 503;
      readonly mirror?: string;
      /** Below the mirror; missing when it cannot be read. */
      readonly path?: TreePath;
      /** Why, as a full sentence. */
      readonly reason?: string;
      /** Seconds after which it is worth asking again: for a Retry-After field. */
      readonly retryAfter?: number;
    };

export interface FileHandlerDeps {
  readonly trees: PublishedTrees;
  isMirror(name: string): boolean;
  readonly renderListing: ListingRenderer;
  onServed?(event: ServedEvent): void;
  /** Milliseconds since the epoch; the system's clock unless given. */
  readonly clock?: () => number;
}

export type FileHandler = (request: IncomingMessage, response: ServerResponse) => Promise<FileResult>;

/** A request for something below a mirror. */
interface TreeRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly mirror: string;
  readonly path: TreePath;
  readonly query: string;
}

const RETRY_AFTER = 60;

/**
 * Serves the published trees below `/<mirror>/`. It resolves when the answer has been sent or the client has gone.
 * @throws system errors that are no fault of the request (EMFILE, EIO); once something was written the connection is
 * broken instead, so that no part is taken for the whole
 */
export function createFileHandler(deps: FileHandlerDeps): FileHandler {
  return async (request, response) => {
    const target = splitTarget(request.url ?? '');
    const mirror = target && mirrorOf(target);
    if (!target || mirror === undefined || !deps.isMirror(mirror)) return { handled: false, status: 404 };
    const parsed = parseTreePath(target.pathname);
    const segments = 'path' in parsed ? parsed.path.segments.slice(1) : [];
    const event = { mirror, method: request.method ?? '', segments };
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return served(deps, event, await refuseMethod(request, response));
    if ('problem' in parsed)
      return { handled: false, status: 400, mirror, reason: `The path ${TREE_PATH_PROBLEMS[parsed.problem]}.` };

    const path = { ...parsed.path, segments };
    try {
      const answer = await answerRequest(deps, { request, response, mirror, path, query: target.query });
      return 'handled' in answer ? answer : served(deps, event, answer);
    } catch (error) {
      if (!response.headersSent) throw error;
      response.destroy();
      return served(deps, event, { status: response.statusCode, bytes: 0, complete: false });
    }
  };
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

/** The first segment that is not empty, as a name; undefined where it can be none. */
function mirrorOf(target: RequestTarget): string | undefined {
  const first = /^\/*([^/]+)/.exec(target.pathname)?.[1];
  const parsed = first === undefined ? undefined : parseTreePath(first);
  return parsed && 'path' in parsed ? parsed.path.segments[0] : undefined;
}

function served(deps: FileHandlerDeps, event: Omit<ServedEvent, keyof Sent>, sent: Sent): FileResult {
  deps.onServed?.({ ...event, ...sent });
  return { handled: true };
}

async function answerRequest(deps: FileHandlerDeps, asked: TreeRequest): Promise<Sent | FileResult> {
  const { request, response, mirror, path } = asked;
  if (!path.tidy) return redirect(asked, path.folder);
  if (path.segments.some(isTransient)) return absent(asked);
  for (let attempt = 0; attempt < LOOKUP_TRIES; attempt++) {
    const found = await lookUp(deps.trees, mirror, path);
    if (found.kind === 'absent') return absent(asked);
    if (found.kind === 'unpublished' || found.kind === 'moving') return notYet(asked, found.kind);
    if (found.kind === 'folder') {
      if (!path.folder) return redirect(asked, true);
      const sent = await sendFolder(deps, asked, found);
      if (sent) return sent;
      continue;
    }
    try {
      if (path.folder) return absent(asked);
      const file = { handle: found.handle, stats: found.stats, segments: path.segments };
      return await sendFile(request, response, file, now(deps));
    } finally {
      await found.handle.close();
    }
  }
  return notYet(asked, 'moving');
}

function sendFolder(
  deps: FileHandlerDeps,
  asked: TreeRequest,
  found: Extract<FoundEntry, { kind: 'folder' }>,
): Promise<Sent | undefined> {
  const { mirror, path } = asked;
  const { generation } = found.tree;
  const folder = {
    place: { mirror, segments: path.segments, generation },
    stats: found.stats,
    read: async () => {
      const entries = await readFolder(found.tree, path.segments);
      const published = deps.trees.get(mirror);
      const stands = [published?.live, published?.previous].some((tree) => tree?.generation.id === generation.id);
      return stands ? entries : undefined;
    },
  };
  const options = { query: asked.query, renderer: deps.renderListing, now: now(deps) };
  return sendListing(asked.request, asked.response, folder, options);
}

/** A permanent place in absolute-path form: the same for clients behind a proxy, and never `//host` (RFC 9110 10.2.2). */
function redirect(asked: TreeRequest, folder: boolean): Promise<Sent> {
  const location = encodePath([asked.mirror, ...asked.path.segments], folder) + asked.query;
  const headers = { Location: location, 'Cache-Control': INDEX_CACHE };
  return sendShortAnswer(asked.request, asked.response, { status: 301, headers, text: `Moved to ${location}` });
}

/** Trees are only read (RFC 9110 section 15.5.6). */
function refuseMethod(request: IncomingMessage, response: ServerResponse): Promise<Sent> {
  const answer = { status: 405, headers: { Allow: 'GET, HEAD' }, text: 'Mirrors are read with GET and HEAD only.' };
  return sendShortAnswer(request, response, answer);
}

function absent(asked: TreeRequest): FileResult {
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

function now(deps: FileHandlerDeps): number {
  return (deps.clock ?? Date.now)();
}
