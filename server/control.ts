import express, { type ErrorRequestHandler, type Express, type Request } from 'express';
import { closest, distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { allMirrors, findMirror } from '../config/all-mirrors.js';
import type { Layout } from '../content/layout.js';
import type { Engine } from '../core/engine.js';
import { MillpondError } from '../core/errors.js';
import type { HeldTree } from '../core/held.js';
import type { Run, RunStage } from '../core/run.js';
import type { Log } from '../platform/log.js';
import { bodyOf } from './control-body.js';
import { addHelpRoutes, type HelpControlDeps } from './control-help.js';
import { addImageRoutes, type ImageControlDeps } from './control-images.js';
import { sendEvents, sendLog } from './control-streams.js';
import { addTokenRoutes } from './control-tokens.js';
import { problemOf } from './errors.js';
import { imageStatus, imageStatuses, type ImageStatus } from './image-status.js';
import type { MirrorStatus, StatusDeps } from './mirror-status.js';
import type { StatusBoard } from './status-board.js';
import type { WorkerPool, WorkerStatus } from './workers/pool.js';

/** What a reload did: the dotted paths of the settings that are different now. */
export interface ReloadResult {
  readonly changed: readonly string[];
}

/** The answer to `GET /status`. */
export interface ProgramStatus {
  readonly version: string;
  readonly pid: number;
  /** Absolute paths of the configuration and of the data folder. */
  readonly configuration: string;
  readonly data: string;
  readonly mirrors: readonly MirrorStatus[];
  readonly images: readonly ImageStatus[];
  readonly workers: readonly WorkerStatus[];
}

/** How many workers were replaced. */
export interface RestartedWorkers {
  readonly restarted: number;
}

export type RunWithStages = Run & { readonly stages: readonly RunStage[] };

export interface ControlDeps
  extends StatusDeps, Pick<ImageControlDeps, 'imageControls'>, Pick<HelpControlDeps, 'helpChecker'> {
  readonly engine: Engine;
  readonly board: StatusBoard;
  readonly layout: Layout;
  readonly log: Pick<Log, 'error'>;
  readonly version: string;
  /** Reads the configuration again and applies it. @throws MillpondError invalid, and then nothing has changed */
  reload(): Promise<ReloadResult>;
  /** Null where the main process serves by itself. */
  readonly workers: Pick<WorkerPool, 'restart' | 'status'> | null;
}

const MAX_BODY = '16kb';
const MAX_RUNS = 200;

const SYNC_BODY = z.strictObject({ force: z.boolean().default(false) });
const HELD_BODY = z.strictObject({ run: z.int().positive() });
const ROLLBACK_BODY = z.strictObject({ to: z.string().max(100).nullable().default(null) });
const PAUSE_BODY = z.strictObject({ reason: z.string().trim().min(1).max(500) });

/** The operators' API of the running program, for its Unix socket: whoever may connect may do everything. */
export function createControlHandler(deps: ControlDeps): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').enable('strict routing');
  app.use(express.json({ limit: MAX_BODY }));
  addReadingRoutes(app, deps);
  addActingRoutes(app, deps);
  addImageRoutes(app, deps);
  addTokenRoutes(app, deps);
  addHelpRoutes(app, deps);
  app.use((req) => {
    throw new MillpondError('not-found', `there is no "${req.method} ${req.path}" on the control socket`);
  });
  app.use(errorHandler(deps.log));
  return app;
}

function addReadingRoutes(app: Express, deps: ControlDeps): void {
  const { store, engine, layout } = deps;
  app.get('/status', (_req, res) => {
    const { file, data } = deps.settings();
    const mirrors = [...deps.settings().mirrors.keys()].flatMap((name) => deps.board.forAdministrator(name) ?? []);
    const images = imageStatuses(deps);
    const { version } = deps;
    const workers = deps.workers?.status ?? [];
    const program = { version, pid: process.pid, configuration: file, data };
    res.json({ ...program, mirrors, images, workers } satisfies ProgramStatus);
  });
  app.get('/status/:mirror', (req, res) => {
    res.json(statusOf(deps, mirrorOf(req, deps)));
  });
  app.get('/mirrors/:mirror/runs', (req, res) => {
    const limit = Math.min(numberOf(req.query['limit'], 'limit', 30), MAX_RUNS);
    const before = numberOf(req.query['before'], 'before', Number.MAX_SAFE_INTEGER);
    res.json(store.runs.list(mirrorOf(req, deps), limit, before));
  });
  app.get('/mirrors/:mirror/held', (req, res) => {
    res.json(heldOf(deps, mirrorOf(req, deps)));
  });
  app.get('/runs/:id', (req, res) => {
    const run = runOf(req, deps);
    res.json({ ...run, stages: store.runs.stages(run.id) } satisfies RunWithStages);
  });
  app.get('/runs/:id/log', async (req, res) => {
    const { id, mirror } = runOf(req, deps);
    await sendLog(res, {
      file: layout.log(mirror, id),
      runId: id,
      follow: req.query['follow'] === '1',
      hasEnded: () => (store.runs.get(id)?.phase ?? 'ended') === 'ended',
    });
  });
  app.get('/events', (req, res) => {
    const mirror = req.query['mirror'];
    sendEvents(res, engine, typeof mirror === 'string' ? existing(mirror, deps) : null);
  });
}

function addActingRoutes(app: Express, deps: ControlDeps): void {
  const { engine } = deps;
  app.post('/mirrors/:mirror/sync', (req, res) => {
    const { force } = bodyOf(req, SYNC_BODY);
    res.status(202).json(engine.trigger(mirrorOf(req, deps), 'manual', { force }));
  });
  app.post('/mirrors/:mirror/cancel', async (req, res) => {
    res.json(await engine.cancel(mirrorOf(req, deps)));
  });
  app.post('/mirrors/:mirror/pause', (req, res) => {
    const mirror = mirrorOf(req, deps);
    engine.pause(mirror, bodyOf(req, PAUSE_BODY).reason);
    res.json(statusOf(deps, mirror));
  });
  app.post('/mirrors/:mirror/resume', (req, res) => {
    const mirror = mirrorOf(req, deps);
    engine.resume(mirror);
    res.json(statusOf(deps, mirror));
  });
  app.post('/mirrors/:mirror/approve', (req, res) => {
    res.status(202).json(engine.approve(mirrorOf(req, deps), bodyOf(req, HELD_BODY).run));
  });
  app.post('/mirrors/:mirror/reject', async (req, res) => {
    const mirror = mirrorOf(req, deps);
    await engine.reject(mirror, bodyOf(req, HELD_BODY).run);
    res.json(statusOf(deps, mirror));
  });
  app.post('/mirrors/:mirror/rollback', async (req, res) => {
    res.json(await engine.rollback(mirrorOf(req, deps), bodyOf(req, ROLLBACK_BODY).to));
  });
  app.post('/workers/restart', async (_req, res) => {
    if (!deps.workers)
      throw new MillpondError('conflict', 'there are no workers', {
        hint: 'The main process serves by itself (workers: 0): restart Millpond.',
      });
    res.json({ restarted: await deps.workers.restart() } satisfies RestartedWorkers);
  });
  app.post('/reload', async (_req, res) => {
    res.json(await deps.reload());
  });
}

/** Of a tree or of images. */
function statusOf(deps: ControlDeps, name: string): MirrorStatus | ImageStatus | undefined {
  return deps.board.forAdministrator(name) ?? imageStatus(deps, name);
}

/** @throws MillpondError conflict */
function heldOf({ store }: ControlDeps, mirror: string): HeldTree {
  const held = store.held.get(mirror);
  if (held) return held;
  throw new MillpondError('conflict', `no tree of ${mirror} waits for a person`, {
    hint: `To see what it does: millpond status ${mirror}`,
  });
}

function mirrorOf(req: Request<{ mirror: string }>, deps: ControlDeps): string {
  return existing(req.params.mirror, deps);
}

/** @throws MillpondError `not-found` with the closest name that there is */
function existing(name: string, deps: ControlDeps): string {
  const settings = deps.settings();
  if (findMirror(settings, name)) return name;
  const near = closest(
    name,
    allMirrors(settings).map((mirror) => mirror.name),
  );
  const isNear = near && distance(name, near) <= Math.max(2, Math.ceil(name.length / 3));
  throw new MillpondError('not-found', `there is no mirror ${JSON.stringify(name)}`, {
    hint: isNear ? `Did you mean "${near}"?` : `The mirrors are in ${settings.file}; \`millpond status\` lists them.`,
  });
}

function runOf(req: Request<{ id: string }>, deps: ControlDeps): Run {
  const id = numberOf(req.params.id, 'run', 0);
  const run = deps.store.runs.get(id);
  if (run) return run;
  throw new MillpondError('not-found', `there is no run ${id}`, { hint: 'Old runs are removed with age.' });
}

function numberOf(value: unknown, name: string, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (typeof value === 'string' && /^[1-9]\d{0,14}$/.test(value)) return Number(value);
  throw new MillpondError('invalid', `${name}: ${JSON.stringify(value)} is not a whole number above 0`);
}

function errorHandler(log: ControlDeps['log']): ErrorRequestHandler {
  return (error: unknown, _req, res, next) => {
    const problem = problemOf(error);
    if (problem.code === 'internal') log.error({ err: error }, 'a request on the control socket failed');
    if (res.headersSent) next(error);
    else res.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
  };
}
