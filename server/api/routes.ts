import { Router, type Request, type Response } from 'express';
import { findMirror } from '../../config/all-mirrors.js';
import { MillpondError } from '../../core/errors.js';
import { problem } from '../errors.js';
import type { EventStream } from '../events.js';
import type { Metrics } from '../metrics.js';
import { KeptAnswers } from '../kept-answers.js';
import { summaryOf, type MirrorStatus } from '../mirror-status.js';
import { publicRuns, runDetails } from '../public-view.js';
import { sendData, sendKeptData, sendProblemJson } from '../respond.js';
import type { ServerDeps } from '../server-deps.js';
import { feedRoutes } from './feed-routes.js';
import { formatRoutes } from './format-routes.js';
import { imageApiRoutes } from './images.js';
import { readCount } from './query.js';

const DEFAULT_RUNS = 50;
const MOST_RUNS = 200;
/** Seconds after which a client that found no room for events may ask again. */
const EVENTS_RETRY = 30;

/** What programs read. Times are milliseconds since the epoch, UTC; sizes are bytes. */
export function apiRoutes(
  deps: ServerDeps,
  parts: { events: EventStream; metrics: Metrics; isStopping: () => boolean },
): Router {
  const router = Router();
  const kept = new KeptAnswers();
  router.get('/api/v1/mirrors', (_req, res) => {
    const statuses = deps.board.all();
    const make = () => JSON.stringify(mirrorsData(deps, statuses));
    sendKeptData(res, kept.get('mirrors', String(deps.board.revision), make));
  });
  router.get('/api/v1/mirrors/:mirror', (req, res) => sendData(res, configuredMirror(deps, req.params.mirror)));
  router.get('/api/v1/mirrors/:mirror/states', (req, res) => sendData(res, statesData(deps, req.params.mirror, req)));
  router.get('/api/v1/mirrors/:mirror/runs', (req, res) => sendData(res, runsData(deps, req.params.mirror, req)));
  router.get('/api/v1/runs/:id', (req, res) => sendData(res, runDetails(deps, readRunId(req.params.id))));
  router.get('/api/v1/events', (req, res) => followEvents(deps, parts.events, req, res));
  router.use(imageApiRoutes(deps));
  router.use(formatRoutes(deps));
  router.use(feedRoutes(deps));
  router.get('/healthz', (_req, res) => {
    res.set('Cache-Control', 'no-store').type('text').send('ok\n');
  });
  router.get('/readyz', (_req, res) => answerReadiness(deps, parts.isStopping(), res));
  router.get('/metrics', async (_req, res) => {
    res.set({ 'Cache-Control': 'no-store', 'Content-Type': parts.metrics.contentType });
    res.send(await parts.metrics.text());
  });
  return router;
}

/** `/api/v1/mirrors`, and what `/` and `/status` answer to programs. */
export function mirrorsData(deps: ServerDeps, statuses: readonly MirrorStatus[]): object {
  const { name, url } = deps.settings().site;
  return { site: { name, url }, summary: summaryOf(statuses), mirrors: statuses };
}

/** @throws MillpondError not-found */
export function configuredMirror(deps: ServerDeps, name: string): MirrorStatus {
  const status = deps.board.get(name);
  if (!status)
    throw new MillpondError('not-found', `There is no mirror "${name}".`, { hint: '/status lists them all.' });
  return status;
}

/** @throws MillpondError not-found for what cannot be the number of a run */
export function readRunId(text: string): number {
  const id = /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
  if (id === undefined)
    throw new MillpondError('not-found', `There is no run "${text}".`, { hint: 'Runs have numbers.' });
  return id;
}

function runsData(deps: ServerDeps, mirror: string, req: Request): object {
  configuredMirror(deps, mirror);
  const limit = readCount(req, 'limit', MOST_RUNS) ?? DEFAULT_RUNS;
  const runs = publicRuns(deps, mirror, limit, readCount(req, 'before', Number.MAX_SAFE_INTEGER));
  const last = runs.at(-1);
  const more = last && runs.length === limit ? `/api/v1/mirrors/${mirror}/runs?limit=${limit}&before=${last.id}` : null;
  return { runs, next: more };
}

/** The states that a mirror was in, newest first. */
function statesData(deps: ServerDeps, mirror: string, req: Request): object {
  configuredMirror(deps, mirror);
  const limit = readCount(req, 'limit', MOST_RUNS) ?? DEFAULT_RUNS;
  const states = deps.store.verdicts.list(mirror, limit, readCount(req, 'before', Number.MAX_SAFE_INTEGER));
  const last = states.at(-1);
  const isMore = last && states.length === limit;
  const next = isMore ? `/api/v1/mirrors/${mirror}/states?limit=${limit}&before=${last.id}` : null;
  return { states: states.map(({ id, at, word, sentence }) => ({ id, at, word, sentence })), next };
}

function followEvents(deps: ServerDeps, events: EventStream, req: Request, res: Response): void {
  const mirror = req.query['mirror'];
  if (mirror !== undefined && typeof mirror !== 'string')
    throw new MillpondError('invalid', 'mirror= can be given once only.');
  if (mirror !== undefined && !findMirror(deps.settings(), mirror)) configuredMirror(deps, mirror);
  res.set('Access-Control-Allow-Origin', '*');
  if (req.method === 'HEAD') res.type('text/event-stream').end();
  else if (!events.add(res, mirror ?? null)) refuseEvents(res);
}

function refuseEvents(res: Response): void {
  const detail = 'Too many clients follow events now.';
  const hint = 'Ask again later, or read /api/v1/mirrors from time to time.';
  res.set('Retry-After', String(EVENTS_RETRY));
  sendProblemJson(res, problem(503, detail, { code: 'unavailable', hint }));
}

function answerReadiness(deps: ServerDeps, stopping: boolean, res: Response): void {
  res.set('Cache-Control', 'no-store');
  const detail = notReadyBecause(deps, stopping);
  if (detail === null) res.type('text').send('ready\n');
  else sendProblemJson(res, problem(503, detail, { code: 'unavailable', hint: '' }));
}

function notReadyBecause(deps: ServerDeps, stopping: boolean): string | null {
  if (stopping) return 'Millpond is stopping.';
  if (!deps.ready()) return 'The engine has not started yet.';
  try {
    deps.store.mirrors.all();
    return null;
  } catch (error) {
    deps.log.error({ err: error }, 'the store cannot be read');
    return 'The store cannot be read; the log says why.';
  }
}
