import { Router, type Request, type Response } from 'express';
import { MillpondError } from '../../core/errors.js';
import { readText } from '../api/query.js';
import { configuredMirror } from '../api/routes.js';
import { generationsData } from '../generations.js';
import { sendPage, type Twin } from '../respond.js';
import type { ServerDeps } from '../server-deps.js';
import { TreeDifferences } from '../tree-differences.js';
import { renderGenerations } from './generations.js';
import { diffData, readDiffQuery, renderDiff } from './diff.js';
import { heldData, renderHeld } from './held.js';
import type { PageFrame } from './page-frame.js';
import type { RunLogs } from './run-logs.js';

type Frame = (page: { title: string; section: PageFrame['section'] }) => PageFrame;
type OfMirror = Request<{ readonly mirror: string }>;

/** Pages about the trees of a mirror: the one that waits for a person, and those that can be read. */
export function treeRoutes(deps: ServerDeps, logs: RunLogs, frame: Frame): Router {
  const router = Router();
  router.get('/status/:mirror/held', (req, res) => answerHeld(deps, logs, frame, req, res, null));
  router.get('/status/:mirror/held.json', (req, res) => answerHeld(deps, logs, frame, req, res, 'json'));
  router.get('/status/:mirror/generations', (req, res) => answerGenerations(deps, frame, req, res, null));
  router.get('/status/:mirror/generations.json', (req, res) => answerGenerations(deps, frame, req, res, 'json'));
  const differences = new TreeDifferences(deps);
  const answerDiffs = (twin: Twin | null) => (req: OfMirror, res: Response) =>
    answerDiff({ deps, logs, frame, differences }, req, res, twin);
  router.get('/status/:mirror/diff', answerDiffs(null));
  router.get('/status/:mirror/diff.json', answerDiffs('json'));
  router.get('/:mirror/@', (req, res, next) => {
    const { mirror } = req.params;
    if (!deps.settings().mirrors.has(mirror)) return next();
    if (req.path.endsWith('/')) return answerGenerations(deps, frame, req, res, null);
    res.redirect(301, `/${mirror}/@/`);
  });
  return router;
}

function answerGenerations(deps: ServerDeps, frame: Frame, req: OfMirror, res: Response, twin: Twin | null): void {
  const status = configuredMirror(deps, req.params.mirror);
  const data = generationsData(deps.store, status.name);
  sendPage(
    req,
    res,
    {
      html: () => renderGenerations(frame({ title: `${status.title}: generations`, section: 'status' }), status, data),
      json: () => data,
    },
    twin,
  );
}

function answerHeld(
  deps: ServerDeps,
  logs: RunLogs,
  frame: Frame,
  req: OfMirror,
  res: Response,
  twin: Twin | null,
): void {
  const { mirror } = req.params;
  const status = configuredMirror(deps, mirror);
  const data = heldData(mirror, deps.store.held.get(mirror), logs.whyClosed(req, mirror, 'What is held'));
  const title = `${status.title}: held`;
  sendPage(
    req,
    res,
    {
      isPersonal: logs.isForSome(mirror),
      html: () => renderHeld(frame({ title, section: 'status' }), status, data),
      json: () => data,
    },
    twin,
  );
}

async function answerDiff(
  { deps, logs, frame, differences }: { deps: ServerDeps; logs: RunLogs; frame: Frame; differences: TreeDifferences },
  req: OfMirror,
  res: Response,
  twin: Twin | null,
): Promise<void> {
  const status = configuredMirror(deps, req.params.mirror);
  const { name } = status;
  const closed = logs.whyClosed(req, name, 'What changed');
  if (closed !== null) throw new MillpondError('refused', closed, { hint: 'Ask from there; /check tells your zone.' });
  const query = readDiffQuery((parameter) => readText(req, parameter));
  const difference = await differences.between(name, query.from, query.to);
  sendPage(
    req,
    res,
    {
      isPersonal: logs.isForSome(name),
      html: () =>
        renderDiff(frame({ title: `${status.title}: changes`, section: 'status' }), status, query, difference),
      json: () => diffData(name, query, difference),
    },
    twin,
  );
}
