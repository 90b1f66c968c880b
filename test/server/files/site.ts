import { mkdtempSync, mkdirSync, readdirSync, readlinkSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { PublishedTrees, type PublishedTree } from '../../../content/published-trees.js';
import type { SlotName } from '../../../core/generation.js';
import type { CacheLimits } from '../../../server/files/entry-cache.js';
import {
  createFileHandler,
  type ExtraHeaders,
  type FileHandler,
  type FileResult,
  type ServedEvent,
} from '../../../server/files/handler.js';
import type { ListingRenderer } from '../../../server/files/listing.js';
import { createQuickRoad } from '../../../server/quick/quick-road.js';

/** 2026-11-23T06:00:00Z: the time of every file that the site writes. */
export const FILE_TIME = Date.UTC(2026, 10, 23, 6);
/** When the generations were published. */
export const PUBLISHED_AT = Date.UTC(2026, 10, 23, 7);

/** A renderer of the least HTML that a client can follow. */
export const plainRenderer: ListingRenderer = {
  head: (listing) => `<h1>${listing.path.map((part) => part.displayName).join('/')}</h1>\n`,
  rows: (entries) => entries.map((entry) => `<a href="${entry.href}">${entry.size ?? '-'}</a>\n`).join(''),
  foot: (listing) => `<p>${listing.totals.folders}+${listing.totals.files} of ${listing.totals.of}</p>\n`,
};

export interface Site {
  readonly folder: string;
  readonly trees: PublishedTrees;
  readonly url: string;
  readonly port: number;
  /** What the handler answered and reported, in the order of the requests. */
  readonly results: FileResult[];
  readonly events: ServedEvent[];
  readonly server: Server;
  /** How many requests were answered before Node's parser. */
  quickAnswers(): number;
  /** The slot's folder of the mirror "debian", made when it is not there. */
  slot(name: SlotName): string;
  /** Publishes the mirror "debian": the live slot and, when given, the previous one. */
  publish(live: SlotName, previous?: SlotName): void;
  /** Writes a file into a slot, dated FILE_TIME. */
  write(slot: SlotName, path: string, content: string | Buffer): string;
}

/** A real server on loopback over real trees in a temporary folder; both end with the test. */
export async function startSite(
  options: {
    renderer?: ListingRenderer;
    clock?: () => number;
    trees?: PublishedTrees;
    inPlace?: boolean;
    cacheLimits?: Partial<CacheLimits>;
    extraHeaders?: ExtraHeaders;
    /** Whether what is in memory is answered before Node's parser. */
    quick?: boolean;
  } = {},
): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const trees = options.trees ?? new PublishedTrees();
  const results: FileResult[] = [];
  const events: ServedEvent[] = [];
  const handler = createFileHandler({
    trees,
    isMirror: (name) => name === 'debian' || name === 'empty',
    isInPlace: () => options.inPlace ?? false,
    renderListing: options.renderer ?? plainRenderer,
    ...(options.cacheLimits ? { cacheLimits: options.cacheLimits } : {}),
    onServed: (event) => events.push(event),
    ...(options.clock ? { clock: options.clock } : {}),
    ...(options.extraHeaders ? { extraHeaders: options.extraHeaders } : {}),
  });
  const server = createServer((request, response) => {
    void Promise.resolve(handler.serve(request, response)).then(
      (result) => {
        results.push(result);
        if (!result.handled) response.writeHead(result.status).end(result.reason ?? 'none');
      },
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  const quickAnswers = options.quick ? answerQuickly(server, handler) : () => 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const mirror of ['debian', 'empty']) trees.set(mirror, null); // closes the files that are kept open
      }),
  );
  const { port } = server.address() as AddressInfo;
  return {
    folder,
    trees,
    port,
    url: `http://127.0.0.1:${port}`,
    results,
    events,
    server,
    quickAnswers,
    ...slotsIn(folder, trees),
  };
}

/** Returns how many requests were answered so. */
function answerQuickly(server: Server, handler: FileHandler): () => number {
  let count = 0;
  const quick = createQuickRoad((asked) => {
    const known = handler.known(asked);
    if (!known || !('head' in known)) return undefined;
    count++;
    return known;
  });
  server.on('connection', (socket) => quick(socket, server));
  return () => count;
}

function slotsIn(folder: string, trees: PublishedTrees): Pick<Site, 'slot' | 'publish' | 'write'> {
  let generation = 0;
  const slot = (name: SlotName): string => {
    const path = join(folder, 'slots', name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const treeOf = (name: SlotName): PublishedTree => ({
    root: slot(name),
    generation: {
      ...{ id: ++generation, mirror: 'debian', runId: generation, slot: name, state: 'live', files: 1, bytes: 1 },
      ...{
        markerValue: null,
        markerTime: null,
        verification: null,
        publishedAt: PUBLISHED_AT,
        confirmedAt: PUBLISHED_AT,
      },
    },
  });
  return {
    slot,
    publish: (live, previous) =>
      trees.set('debian', { live: treeOf(live), previous: previous === undefined ? null : treeOf(previous) }),
    write: (name, path, content) => {
      const file = join(slot(name), path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      utimesSync(file, FILE_TIME / 1000, FILE_TIME / 1000);
      return file;
    },
  };
}

/** Descriptors of files below `folder` that this process has open. */
export function openBelow(folder: string): string[] {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  });
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

/** Asks for a raw request path, which is sent as it is; rejects when the connection breaks before the end. */
export function ask(
  site: Pick<Site, 'port'>,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: site.port, path, agent: false, ...options });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(chunks);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body, text: body.toString('utf8') });
      });
    });
    request.end();
  });
}

/** Sends bytes over a raw socket and collects everything until the server closes. */
export function askRaw(site: Pick<Site, 'port'>, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(site.port, '127.0.0.1', () => socket.write(bytes));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}
