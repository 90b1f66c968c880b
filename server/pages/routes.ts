import { Router, type Request, type Response } from 'express';
import { MillpondError } from '../../core/errors.js';
import { configuredMirror, mirrorsData, readRunId } from '../api/routes.js';
import { hasImages } from '../images-view.js';
import { allMirrorStatuses, RECENT_RUNS } from '../mirror-status.js';
import { publicRuns, runDetails } from '../public-view.js';
import { sendPage } from '../respond.js';
import { openPublicLog, readLogTail } from '../run-log.js';
import { scrubberFor } from '../scrub.js';
import type { ServerDeps } from '../server-deps.js';
import { assetUrl, sendAsset } from './assets.js';
import { matchesQuery, renderHome } from './home.js';
import { imagePageRoutes } from './images-routes.js';
import { renderMirror } from './mirror.js';
import { pageFrame, type PageFrame } from './page-frame.js';
import { renderRun } from './run.js';
import { passesFilter, renderStatus } from './status.js';
import { sendWholeLog } from './whole-log.js';

const ALL_EVENTS = '/api/v1/events';

/** What people read in a browser; each page answers `Accept: application/json` with its twin. */
export function pageRoutes(deps: ServerDeps): Router {
  const router = Router();
  router.get('/', (req, res) => answerHome(deps, req, res));
  router.get('/status', (req, res) => answerStatus(deps, req, res));
  router.get('/status/:mirror', (req, res) => answerMirror(deps, req.params.mirror, req, res));
  router.get('/status/:mirror/runs/:id', (req, res) => answerRun(deps, req.params, req, res));
  router.use(imagePageRoutes(deps, (page) => frameFor(deps, page)));
  router.get('/assets/:name', (req, res, next) => (sendAsset(req.params.name, req, res) ? undefined : next()));
  router.get('/favicon.ico', (_req, res) => res.redirect(302, assetUrl('logo.svg')));
  return router;
}

export function frameFor(
  deps: ServerDeps,
  page: { title: string; section: PageFrame['section']; events?: string },
): PageFrame {
  const settings = deps.settings();
  const title = page.section === 'home' ? settings.site.name : `${page.title} · ${settings.site.name}`;
  const context = { settings, version: deps.version, now: deps.clock(), hasImages: hasImages(deps) };
  return pageFrame(context, { ...page, title });
}

function answerHome(deps: ServerDeps, req: Request, res: Response): void {
  const query = textOf(req, 'q');
  const statuses = allMirrorStatuses(deps);
  sendPage(req, res, {
    html: () => renderHome(frameFor(deps, { title: '', section: 'home', events: ALL_EVENTS }), statuses, query),
    json: () =>
      mirrorsData(
        deps,
        statuses.filter((status) => matchesQuery(status, query)),
      ),
  });
}

function answerStatus(deps: ServerDeps, req: Request, res: Response): void {
  const filter = { state: textOf(req, 'state'), query: textOf(req, 'q') };
  const statuses = allMirrorStatuses(deps);
  const frame = () => frameFor(deps, { title: 'Status', section: 'status', events: ALL_EVENTS });
  sendPage(req, res, {
    html: () => renderStatus(frame(), statuses, filter),
    json: () =>
      mirrorsData(
        deps,
        statuses.filter((status) => passesFilter(status, filter)),
      ),
  });
}

function answerMirror(deps: ServerDeps, name: string, req: Request, res: Response): void {
  const status = configuredMirror(deps, name);
  const { url } = deps.settings().site;
  const title = `${status.title}: status`;
  sendPage(req, res, {
    html: () =>
      renderMirror(frameFor(deps, { title, section: 'status', events: eventsOf(name) }), status, {
        runs: publicRuns(deps, name, RECENT_RUNS),
        address: url !== null && status.published ? `${url}${status.path}` : null,
      }),
    json: () => status,
  });
}

async function answerRun(
  deps: ServerDeps,
  { mirror, id }: { mirror: string; id: string },
  req: Request,
  res: Response,
): Promise<void> {
  const status = configuredMirror(deps, mirror);
  const details = runDetails(deps, readRunId(id));
  if (details.mirror !== mirror)
    throw new MillpondError('not-found', `The mirror "${mirror}" has no run "${id}".`, {
      hint: `Run ${id} is of the mirror "${details.mirror}": /status/${details.mirror}/runs/${id}.`,
    });
  const file = deps.layout.log(mirror, details.id);
  const scrub = scrubberFor(deps.settings());
  if (req.query['log'] === 'full') return sendWholeLog(res, await openPublicLog(file, scrub), req.method);
  const log = await readLogTail(file, scrub);
  const { stages, progress, ...run } = details;
  const isOver = run.phase === 'ended';
  const title = `${status.title}: run ${id}`;
  const frame = frameFor(deps, { title, section: 'status', ...(isOver ? {} : { events: eventsOf(mirror) }) });
  sendPage(req, res, {
    html: () => renderRun(frame, { mirrorTitle: status.title, run, stages, progress, log }),
    json: () => details,
  });
}

function eventsOf(mirror: string): string {
  return `${ALL_EVENTS}?mirror=${encodeURIComponent(mirror)}`;
}

/** A query parameter as text; what is given twice or as an object counts as not given. */
function textOf(req: Request, name: string): string {
  const value = req.query[name];
  return typeof value === 'string' ? value.slice(0, 200).trim() : '';
}
