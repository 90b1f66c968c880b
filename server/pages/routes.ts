import { Router, type Request, type Response } from 'express';
import { MillpondError } from '../../core/errors.js';
import type { Run } from '../../core/run.js';
import type { ClientOf } from '../clients/client-finder.js';
import { configuredMirror, mirrorsData, readRunId } from '../api/routes.js';
import { diskAlert } from '../disk.js';
import { generationsData } from '../generations.js';
import { hasImages } from '../images-view.js';
import { publicOrigin, rsyncOrigin } from '../oci/public-address.js';
import { KeptAnswers } from '../kept-answers.js';
import { publicRun, RECENT_GENERATIONS, RECENT_RUNS, type MirrorStatus } from '../mirror-status.js';
import { publicRuns, runDetails } from '../public-view.js';
import { sendPage, type Twin } from '../respond.js';
import { scrubberOf } from '../scrub.js';
import type { ServerDeps } from '../server-deps.js';
import { partTraffic } from '../statistics/figures.js';
import { assetUrl, sendAsset } from './assets.js';
import { diskRoutes } from './disk-routes.js';
import { getRoutes } from './get-routes.js';
import { helpRoutes } from './help-routes.js';
import { matchesQuery, renderHome } from './home.js';
import { imagePageRoutes } from './images-routes.js';
import { renderMirror, type MirrorPage } from './mirror.js';
import { pageFrame, type PageFrame } from './page-frame.js';
import { RunLogs } from './run-logs.js';
import { renderRun } from './run.js';
import { statsRoutes } from './stats-routes.js';
import { chosen, readFilter, renderStatus } from './status.js';
import { mirrorText, statusText } from './status-text.js';
import { PAGE_SECONDS } from './time-view.js';
import { treeRoutes } from './tree-routes.js';
import { sendWholeLog } from './whole-log.js';

/** States that the page of a mirror knows of. */
const RECENT_STATES = 200;
const ALL_EVENTS = '/api/v1/events';
/** Lines of the newest log on the page of a mirror; the page of the run has more. */
const MIRROR_LOG_LINES = 20;

type PathOf<Names extends string> = Request<Readonly<Record<Names, string>>>;

/** What people read in a browser; each page has its twins for programs, by the end of the address or by `Accept`. */
export function pageRoutes(deps: ServerDeps, { clientOf }: { clientOf: ClientOf }): Router {
  const log = new RunLogs(deps, clientOf);
  const kept = new KeptAnswers();
  const router = Router();
  router.get('/', (req, res) => answerHome(deps, kept, req, res));
  router.get('/status', (req, res) => answerStatus(deps, kept, { req, res, twin: null }));
  router.get('/status.json', (req, res) => answerStatus(deps, kept, { req, res, twin: 'json' }));
  router.get('/status.txt', (req, res) => answerStatus(deps, kept, { req, res, twin: 'txt' }));
  router.use(diskRoutes(deps, (page) => frameFor(deps, page)));
  router.get('/status/:mirror', (req, res) => answerMirror(deps, log, req, res));
  router.get('/status/:mirror/runs/:id', (req, res) => answerRun(deps, log, req, res));
  router.use(treeRoutes(deps, log, (page) => frameFor(deps, page)));
  router.use(helpRoutes(deps, (page) => frameFor(deps, page)));
  router.use(getRoutes(deps, (page) => frameFor(deps, page)));
  router.use(imagePageRoutes(deps, (page) => frameFor(deps, page)));
  router.use(statsRoutes(deps, (page) => frameFor(deps, page)));
  router.get('/assets/:name', (req, res, next) => (sendAsset(req.params.name, req, res) ? undefined : next()));
  router.get('/favicon.ico', (_req, res) => res.redirect(302, assetUrl('logo.svg')));
  return router;
}

export function frameFor(
  deps: Pick<ServerDeps, 'settings' | 'store' | 'version' | 'clock'>,
  page: { title: string; section: PageFrame['section']; events?: string },
): PageFrame {
  const settings = deps.settings();
  const title = page.section === 'home' ? settings.site.name : `${page.title} · ${settings.site.name}`;
  const context = { settings, version: deps.version, now: deps.clock(), hasImages: hasImages(deps) };
  return pageFrame(context, { ...page, title });
}

function answerHome(deps: ServerDeps, answers: KeptAnswers, req: Request, res: Response): void {
  const query = textOf(req, 'q');
  const statuses = deps.board.all();
  const frame = frameFor(deps, { title: '', section: 'home', events: ALL_EVENTS });
  sendPage(req, res, {
    kept: { answers, key: `/ ${query}`, version: versionOf(deps, frame) },
    html: () => renderHome(frame, statuses, query),
    json: () =>
      mirrorsData(
        deps,
        statuses.filter((status) => matchesQuery(status, query)),
      ),
  });
}

/** Of a page about all mirrors: what it tells is the same as long as this is. */
function versionOf({ board, store }: ServerDeps, { now, hasImages: images }: PageFrame): string {
  return `${board.revision} ${store.diskSamples.writes} ${now} ${images}`;
}

/** The same without what the clock has brought about. */
function factsOf({ board, store }: ServerDeps, { hasImages: images }: PageFrame): string {
  return `${board.news} ${store.diskSamples.writes} ${images}`;
}

function answerStatus(
  deps: ServerDeps,
  answers: KeptAnswers,
  { req, res, twin }: { req: Request; res: Response; twin: Twin | null },
): void {
  const filter = readFilter((name) => textOf(req, name));
  const statuses = deps.board.all();
  const frame = frameFor(deps, { title: 'Status', section: 'status', events: ALL_EVENTS });
  sendPage(
    req,
    res,
    {
      kept: {
        ...{ answers, key: `/status ${JSON.stringify(filter)}`, version: versionOf(deps, frame) },
        lasting: { facts: factsOf(deps, frame), at: frame.now, most: PAGE_SECONDS * 1000 },
      },
      html: () => renderStatus(frame, statuses, filter, diskAlert(deps, frame.now)),
      json: () => mirrorsData(deps, chosen(statuses, filter)),
      text: () => statusText({ site: frame.site.name, now: frame.now }, statuses, chosen(statuses, filter)),
    },
    twin,
  );
}

async function answerMirror(deps: ServerDeps, logs: RunLogs, req: PathOf<'mirror'>, res: Response): Promise<void> {
  const { name, twin } = mirrorAndTwin(deps, req.params.mirror);
  const status = configuredMirror(deps, name);
  const runs = publicRuns(deps, name, RECENT_RUNS);
  const { url } = deps.settings().site;
  const frame = frameFor(deps, { title: `${status.title}: status`, section: 'status', events: eventsOf(name) });
  const [newest] = runs;
  const page = {
    address: url !== null && status.published ? `${url}${status.path}` : null,
    rsync: rsyncOf(deps, status, req),
    runs,
    changed: lastChange(deps, status, runs),
    generations: deps.store.generations.list(name, RECENT_GENERATIONS),
    served: generationsData(deps.store, name),
    states: deps.store.verdicts.list(name, RECENT_STATES),
    traffic: partTraffic(deps.store, name, frame.now),
    log: newest ? await logs.tail(req, newest, MIRROR_LOG_LINES) : null,
    closedLog: logs.whyClosed(req, name),
  };
  sendPage(
    req,
    res,
    {
      isPersonal: logs.isForSome(name),
      namesClientsHost: page.rsync !== null && url === null,
      html: () => renderMirror(frame, status, page),
      json: () => status,
      text: () => mirrorText(status, runs, frame.now),
    },
    twin,
  );
}

function rsyncOf(deps: ServerDeps, { name, published }: MirrorStatus, req: Request): MirrorPage['rsync'] {
  const daemon = deps.rsync?.();
  if (!daemon || !published) return null;
  const settings = deps.settings();
  // what a client calls us may be kept by a cache for others
  const origin = rsyncOrigin(settings.site.url ?? publicOrigin(req, settings), daemon.port);
  return { address: `${origin}/${name}/`, trouble: daemon.trouble };
}

/** The newest run that brought something: among the recent ones, else the one that made the tree that is served. */
function lastChange(deps: ServerDeps, { published }: MirrorStatus, runs: readonly Run[]): Run | null {
  const recent = runs.find(({ outcome }) => outcome === 'updated');
  if (recent || !published?.runId) return recent ?? null;
  const made = deps.store.runs.get(published.runId);
  return made ? publicRun(made, scrubberOf(deps.settings(), made.mirror)) : null;
}

async function answerRun(deps: ServerDeps, logs: RunLogs, req: PathOf<'mirror' | 'id'>, res: Response): Promise<void> {
  const { mirror } = req.params;
  const { stem: id, twin } = splitTwin(req.params.id, ['json']);
  const status = configuredMirror(deps, mirror);
  const details = runDetails(deps, readRunId(id));
  if (details.mirror !== mirror)
    throw new MillpondError('not-found', `The mirror "${mirror}" has no run "${id}".`, {
      hint: `Run ${id} is of the mirror "${details.mirror}": /status/${details.mirror}/runs/${id}.`,
    });
  if (req.query['log'] === 'full') return sendWholeLog(res, await logs.whole(req, details), req.method);
  const log = await logs.tail(req, details);
  const closedLog = logs.whyClosed(req, mirror);
  const { stages, progress, ...run } = details;
  const isOver = run.phase === 'ended';
  const title = `${status.title}: run ${id}`;
  const frame = frameFor(deps, { title, section: 'status', ...(isOver ? {} : { events: eventsOf(mirror) }) });
  const { nextDueAt } = status;
  sendPage(
    req,
    res,
    {
      isPersonal: logs.isForSome(mirror),
      html: () => renderRun(frame, { mirrorTitle: status.title, run, stages, progress, log, closedLog, nextDueAt }),
      json: () => details,
    },
    twin,
  );
}

/** A mirror may itself be called "x.json"; then that is meant. */
function mirrorAndTwin(deps: ServerDeps, asked: string): { name: string; twin: Twin | null } {
  if (deps.settings().mirrors.has(asked)) return { name: asked, twin: null };
  const { stem, twin } = splitTwin(asked, ['json', 'txt']);
  return { name: stem, twin };
}

function splitTwin(asked: string, twins: readonly Twin[]): { stem: string; twin: Twin | null } {
  const twin = twins.find((each) => asked.endsWith(`.${each}`)) ?? null;
  return { stem: twin === null ? asked : asked.slice(0, -twin.length - 1), twin };
}

function eventsOf(mirror: string): string {
  return `${ALL_EVENTS}?mirror=${encodeURIComponent(mirror)}`;
}

/** A query parameter as text; what is given twice or as an object counts as not given. */
function textOf(req: Request, name: string): string {
  const value = req.query[name];
  return typeof value === 'string' ? value.slice(0, 200).trim() : '';
}
