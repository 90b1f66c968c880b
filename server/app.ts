import express, { type Express, type Request, type Response } from 'express';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { absenceAnswer } from './absence-answer.js';
import type { EngineEvent } from '../core/engine.js';
import { REGISTRY_PART } from '../core/traffic.js';
import { digestHeaders } from './derived/digest-headers.js';
import { formRequest } from './derived/forms.js';
import { derivedRoutes, HASH_WAIT, type HashWait } from './derived/routes.js';
import { problem, problemOf, type Problem } from './errors.js';
import { EVENT_LIMITS, EventStream, type EventLimits } from './events.js';
import { createFileHandler, type FileHandler, type FileResult } from './files/handler.js';
import { apiRoutes } from './api/routes.js';
import { clientFinder, type ClientOf } from './clients/client-finder.js';
import { checkRoutes } from './limits/check-routes.js';
import { openGate, type Gate } from './limits/gate.js';
import { sendReady } from './files/short-answer.js';
import { createMetrics, type Metrics } from './metrics.js';
import { createRegistry, isRegistryTarget } from './oci/registry.js';
import { createListingRenderer } from './pages/listing-page.js';
import { plainRefusal, refusalFor, renderProblem, type Refusal } from './pages/problem-page.js';
import { frameFor, pageRoutes } from './pages/routes.js';
import { publicEvent } from './public-view.js';
import { createQuickAnswers } from './quick/quick-answers.js';
import { createQuickRoad, type QuickRoad } from './quick/quick-road.js';
import { sendProblem } from './respond.js';
import { SECURITY_HEADERS } from './security-headers.js';
import type { ServerDeps } from './server-deps.js';
import { HttpAnswers } from './statistics/http-answers.js';

export interface Server {
  /** For `http.createServer`. */
  readonly handler: (req: IncomingMessage, res: ServerResponse) => void;
  /** For the connections of such a server. */
  readonly quick: QuickRoad;
  /** From now on `/readyz` says 503; clients that follow events are sent away. Downloads go on. */
  stop(): void;
  /** Resolves when no request to the registry is being worked on; their connections must have been cut. */
  ended(): Promise<void>;
}

type Miss = Extract<FileResult, { handled: false }>;

export interface ServerOptions {
  readonly events?: EventLimits;
  /** How long clients wait for hashes. */
  readonly hashWait?: HashWait;
  /** What of the rate of a zone is for this process, bytes a second; all of it unless given. It may change at any time. */
  readonly zoneRate?: ((zone: string) => number | null) | undefined;
}

/**
 * The life of a request: the registry at /v2/ and published trees, on roads without a router; then pages and what
 * programs read.
 */
export function createServer(deps: ServerDeps, options: ServerOptions = {}): Server {
  const tell = (event: EngineEvent) => publicEvent(deps, event);
  const events = new EventStream(deps.engine, tell, options.events ?? EVENT_LIMITS);
  const metrics = createMetrics({ ...deps, eventClients: () => events.clients });
  const clientOf = clientFinder(() => deps.settings());
  const gate = openGate(deps, metrics, { clientOf, zoneRate: options.zoneRate });
  const misses = new WeakMap<IncomingMessage, Miss>();
  let stopping = false;
  const parts = { events, metrics, isStopping: () => stopping, hashWait: options.hashWait ?? HASH_WAIT };
  const app = createApp(deps, { ...parts, clientOf, admission: gate.admission, missOf: (req) => misses.get(req) });
  const roads = openRoads(deps, { app, gate, clientOf, misses });

  function fail(res: ServerResponse, error: unknown): void {
    deps.log.error({ err: error }, 'a file could not be served');
    failPlainly(res);
  }

  return {
    handler: (req, res) => {
      try {
        roads.answer(req, res)?.catch((error: unknown) => fail(res, error));
      } catch (error) {
        fail(res, error);
      }
    },
    stop() {
      stopping = true;
      events.close();
    },
    quick: createQuickRoad(roads.quick),
    ended: () => roads.ended(),
  };
}

/** Who answers a request, and that it is counted. */
function openRoads(
  deps: ServerDeps,
  parts: { app: Express; gate: Gate; clientOf: ClientOf; misses: WeakMap<IncomingMessage, Miss> },
) {
  const { app, gate, clientOf, misses } = parts;
  const { statistics, accessLog } = deps;
  const answers = new HttpAnswers({ statistics, accessLog, clientOf, clock: () => deps.clock() });
  const files = fileHandlerFor(deps, answers);
  const images = imagesRoad(deps, answers, clientOf);

  /** Nothing to wait for where the answer to a file is in memory. */
  function answer(req: IncomingMessage, res: ServerResponse): Promise<void> | undefined {
    const refused = gate.refuse(req, res);
    if (refused) {
      answers.watch(req, res);
      return refused;
    }
    if (isRegistryTarget(req.url)) return images.answer(req, res);
    const result = fileFormAsked(deps, req) ?? files.serve(req, res);
    if (result instanceof Promise) return answerLater(req, res, result);
    answerMiss(req, res, result);
    return undefined;
  }

  async function answerLater(req: IncomingMessage, res: ServerResponse, result: Promise<FileResult>): Promise<void> {
    answers.begin(req, res, null);
    try {
      answerMiss(req, res, await result);
    } catch (error) {
      answers.watch(req, res); // what is told of the failure counts as well
      throw error;
    } finally {
      answers.end(req);
    }
  }

  function answerMiss(req: IncomingMessage, res: ServerResponse, result: FileResult): void {
    if (result.handled) return;
    const absence = absenceAnswer(req, result);
    if (absence) {
      void sendReady(res, absence);
      return answers.answered(req, result.status, absence.body?.length ?? 0, result.mirror);
    }
    answers.watch(req, res, result.mirror);
    misses.set(req, result);
    // a callback of our own, or Express would show a stack
    const [request, response] = [req as Request, res as Response];
    app(request, response, (error: unknown) => answerFailure(deps, request, response, error));
  }

  const { admission } = gate;
  const quick = createQuickAnswers({ files, admission, answers, log: deps.log, absence: absenceAnswer });
  return { answer, quick, ended: () => images.ended() };
}

/** The registry, and whether anybody is still being answered. */
function imagesRoad(deps: ServerDeps, answers: HttpAnswers, clientOf: ClientOf) {
  const serve = registryFor(deps, clientOf);
  const working = new Set<Promise<void>>();
  return {
    async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
      answers.begin(req, res, REGISTRY_PART);
      const work = serve(req, res);
      working.add(work);
      await work.finally(() => working.delete(work));
      answers.registryAnswered(req, res);
    },
    async ended(): Promise<void> {
      while (working.size > 0) await Promise.allSettled(working);
    },
  };
}

function fileHandlerFor(deps: ServerDeps, answers: HttpAnswers): FileHandler {
  return createFileHandler({
    trees: deps.trees,
    isMirror: (name) => deps.settings().mirrors.has(name),
    isInPlace: (name) => deps.settings().mirrors.get(name)?.publish === 'in-place',
    renderListing: createListingRenderer(
      (title) => frameFor(deps, { title, section: 'none' }),
      () => deps.settings(),
    ),
    onServed: (event) => answers.served(event),
    extraHeaders: {
      of: (mirror, segments, stats) =>
        digestHeaders(deps.hashes, { mirror, segments, stats }, deps.settings().mirrors.get(mirror)?.sources ?? []),
      onChange: (listener) => deps.hashes.onKnown(listener),
    },
    clock: () => deps.clock(),
  });
}

function registryFor(deps: ServerDeps, clientOf: ClientOf): ReturnType<typeof createRegistry> {
  return createRegistry({
    ...deps.images,
    ...{ store: deps.store, layout: deps.layout, log: deps.log },
    settings: () => deps.settings(),
    clock: () => deps.clock(),
    clientOf,
  });
}

function createApp(
  deps: ServerDeps,
  parts: {
    events: EventStream;
    metrics: Metrics;
    isStopping: () => boolean;
    missOf: (req: IncomingMessage) => Miss | undefined;
    hashWait: HashWait;
    clientOf: ClientOf;
    admission: Gate['admission'];
  },
): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.use((_req, res, next) => {
    res.set(SECURITY_HEADERS);
    next();
  });
  app.use((req, res, next) => (isRead(req) ? next() : refuseMethod(deps, req, res)));
  app.use(apiRoutes(deps, parts));
  const frame = (title: string) => frameFor(deps, { title, section: 'none' });
  app.use(derivedRoutes(deps, { missOf: parts.missOf, frame, wait: parts.hashWait }));
  app.use(checkRoutes(deps, parts));
  app.use(pageRoutes(deps));
  app.use(async (req, res) => {
    refuse(deps, req, res, await refusalFor(deps, req.path, parts.missOf(req)));
  });
  return app;
}

/** A form of a file, asked for by query, is none of the road of files. */
function fileFormAsked(deps: ServerDeps, { url = '', method }: IncomingMessage): Miss | undefined {
  if (!url.includes('?') || (method !== 'GET' && method !== 'HEAD')) return undefined;
  const asked = formRequest(url, (name) => deps.settings().mirrors.has(name));
  return asked && { handled: false, status: 404, ...asked };
}

/** What a route has thrown. The page that says so may itself fail: then one line of text is left. */
function answerFailure(deps: ServerDeps, req: Request, res: Response, error: unknown): void {
  const found = problemOf(error);
  if (found.code === 'internal') deps.log.error({ err: error }, 'a page could not be made');
  try {
    if (res.headersSent) res.destroy();
    else refuse(deps, req, res, plainRefusal(found));
  } catch (again) {
    deps.log.error({ err: again }, 'the page of an error could not be made');
    failPlainly(res);
  }
}

function isRead(req: Request): boolean {
  return req.method === 'GET' || req.method === 'HEAD';
}

/** RFC 9110 section 15.5.6. */
function refuseMethod(deps: ServerDeps, req: Request, res: Response): void {
  res.set('Allow', 'GET, HEAD');
  const hint = 'Mirrors are controlled with the program "millpond" on the machine itself.';
  refuse(
    deps,
    req,
    res,
    plainRefusal(problem(405, `"${req.method}" is not possible here.`, { code: 'refused', hint })),
  );
}

function refuse(deps: ServerDeps, req: Request, res: Response, refusal: Refusal): void {
  if (refusal.retryAfter !== null) res.set('Retry-After', String(refusal.retryAfter));
  const events = refusal.fetching && `/api/v1/events?mirror=${encodeURIComponent(refusal.fetching.name)}`;
  const section = /^\/images(\/|$)/.test(req.path) ? 'images' : refusal.section;
  const frame = () => frameFor(deps, { title: refusal.heading, section, ...(events ? { events } : {}) });
  sendProblem(req, res, refusal.problem, isForPrograms(req) ? null : () => renderProblem(frame(), refusal));
}

function isForPrograms(req: Request): boolean {
  return req.path.startsWith('/api/') || req.path.startsWith('/static/');
}

function failPlainly(res: ServerResponse): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const { status, detail }: Problem = problemOf(undefined);
  res.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' });
  res.end(`${detail}\n`);
}
