import express, { type Express, type Request, type Response } from 'express';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EngineEvent } from '../core/engine.js';
import { REGISTRY_PART } from '../core/traffic.js';
import { derivedRoutes, HASH_WAIT, type HashWait } from './derived/routes.js';
import { problem, problemOf } from './errors.js';
import { EVENT_LIMITS, EventStream, type EventLimits } from './events.js';
import { apiRoutes } from './api/routes.js';
import type { Miss } from './files/handler.js';
import { clientFinder, type ClientOf } from './clients/client-finder.js';
import { checkRoutes } from './limits/check-routes.js';
import type { Denial, SharedZones, ZoneUse } from './limits/admission.js';
import { openGate, type Gate } from './limits/gate.js';
import { createMetrics, type Metrics } from './metrics.js';
import { createRegistry } from './oci/registry.js';
import { plainRefusal, refusalFor, renderProblem, type Refusal } from './pages/problem-page.js';
import { frameFor, pageRoutes } from './pages/routes.js';
import { publicEvent } from './public-view.js';
import { createQuickRoad, type QuickRoad } from './quick/quick-road.js';
import { sendProblem } from './respond.js';
import { createRoads, failPlainly, handlerOf } from './roads.js';
import { SECURITY_HEADERS } from './security-headers.js';
import type { ServerDeps } from './server-deps.js';
import { HttpAnswers } from './statistics/http-answers.js';

export interface Server {
  /** For `http.createServer`. */
  readonly handler: (req: IncomingMessage, res: ServerResponse) => void;
  /** For the connections of such a server. */
  readonly quick: QuickRoad;
  /** Answers what a worker has admitted, or refused for a `denial`; `connections` of its client are that worker's. */
  readonly passedOn: (
    req: IncomingMessage,
    res: ServerResponse,
    known: { readonly denial?: Denial | undefined; readonly connections: number },
  ) => void;
  /** What has left since this was asked last, by zone. */
  readonly drainUses: () => ZoneUse[];
  /** From now on `/readyz` says 503; clients that follow events are sent away. Downloads go on. */
  stop(): void;
  /** Resolves when no request to the registry is being worked on; their connections must have been cut. */
  ended(): Promise<void>;
}

export interface ServerOptions {
  readonly events?: EventLimits;
  /** How long clients wait for hashes. */
  readonly hashWait?: HashWait;
  /** What is for this process where others serve as well; everything unless given. */
  readonly shared?: SharedZones | undefined;
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
  const gate = openGate(deps, metrics, { clientOf, shared: options.shared });
  const misses = new WeakMap<IncomingMessage, Miss>();
  let stopping = false;
  const parts = { events, metrics, isStopping: () => stopping, hashWait: options.hashWait ?? HASH_WAIT };
  const app = createApp(deps, { ...parts, clientOf, admission: gate.admission, missOf: (req) => misses.get(req) });
  const { statistics, accessLog } = deps;
  const answers = new HttpAnswers({ statistics, accessLog, clientOf, clock: () => deps.clock() });
  const images = imagesRoad(deps, answers, clientOf);
  const { answer, quick } = createRoads(
    deps,
    { answers, admission: gate.admission },
    {
      images: (req, res) => images.answer(req, res),
      page(req, res, miss) {
        answers.watch(req, res, miss.mirror);
        misses.set(req, miss);
        // a callback of our own, or Express would show a stack
        const [request, response] = [req as Request, res as Response];
        app(request, response, (error: unknown) => answerFailure(deps, request, response, error));
      },
    },
  );

  function refuse(req: IncomingMessage, res: ServerResponse, denial: Denial | undefined): Promise<void> | undefined {
    if (!denial) return undefined;
    answers.watch(req, res);
    return gate.deny(req, res, denial);
  }

  return {
    handler: handlerOf(deps, (req, res) => refuse(req, res, gate.admission.admit(req, res)) ?? answer(req, res)),
    passedOn(req, res, { denial, connections }) {
      gate.admission.passedOn(req, connections);
      handlerOf(deps, () => refuse(req, res, denial) ?? answer(req, res))(req, res);
    },
    drainUses: () => gate.admission.drainUses(),
    stop() {
      stopping = true;
      events.close();
    },
    quick: createQuickRoad(quick),
    ended: () => images.ended(),
  };
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
  app.use(pageRoutes(deps, parts));
  app.use(async (req, res) => {
    refuse(deps, req, res, await refusalFor(deps, req.path, parts.missOf(req)));
  });
  return app;
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
