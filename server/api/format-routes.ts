import { Router, type Request, type Response } from 'express';
import { MillpondError } from '../../core/errors.js';
import { formatBytes } from '../../core/units.js';
import { diskSpace } from '../../platform/disk-space.js';
import { badgeSvg, shieldsBadge } from '../badge.js';
import { currentProducts } from '../downloads/current-products.js';
import { KeptAnswers } from '../kept-answers.js';
import type { MirrorStatus } from '../mirror-status.js';
import { publicOrigin } from '../oci/public-address.js';
import { sendKeptData } from '../respond.js';
import type { ServerDeps } from '../server-deps.js';
import { archStatus } from './arch-status.js';
import { isoInfo } from './isoinfo.js';
import { lugSummary } from './lug.js';
import { mirrorzDocument } from './mirrorz.js';
import { tunasyncRow } from './tunasync.js';
import { yukiMeta } from './yuki.js';

/** The verdict of a mirror is decided anew so often, seconds; so are these forms of it. */
const STEP = 15;

/** What other programs for mirrors and their readers have agreed on, answered from memory as long as nothing changed. */
export function formatRoutes(deps: ServerDeps): Router {
  const router = Router();
  const kept = new KeptAnswers();
  /** A form of all statuses. `about` is what else it is made of. */
  const list = (path: string, form: (statuses: readonly MirrorStatus[]) => unknown): void => {
    router.get(path, (_req, res) => {
      const statuses = deps.board.all();
      const version = String(deps.board.revision);
      sendKeptData(
        res,
        kept.get(path, version, () => JSON.stringify(form(statuses))),
      );
    });
  };
  list('/static/tunasync.json', (statuses) => statuses.map(tunasyncRow));
  list('/api/v1/metas', (statuses) => statuses.map(yukiMeta));
  list('/lug/v1/manager/summary', lugSummary);
  router.get('/static/status/isoinfo.json', (_req, res) => {
    const make = () => JSON.stringify(isoInfo(currentProducts(deps)));
    sendKeptData(res, kept.get('isoinfo', String(stepOf(deps)), make));
  });
  router.get('/static/status/arch.json', (req, res) => sendArch(deps, kept, req, res));
  router.get('/mirrorz.json', (req, res) => sendMirrorz(deps, kept, req, res));
  router.get('/static/status/disk.json', (_req, res) => sendDisk(deps, kept, res));
  router.get('/status/:mirror/badge.svg', (req, res) =>
    sendBadge(deps, kept, { name: req.params.mirror, res, svg: true }),
  );
  router.get('/status/:mirror/badge.json', (req, res) =>
    sendBadge(deps, kept, { name: req.params.mirror, res, svg: false }),
  );
  return router;
}

function sendArch(deps: ServerDeps, kept: KeptAnswers, req: Request, res: Response): void {
  const statuses = deps.board.all();
  const settings = deps.settings();
  const origin = settings.site.url ?? publicOrigin(req, settings);
  const now = stepOf(deps);
  const make = () => JSON.stringify(archStatus({ settings, origin, statuses, now }));
  const namesClientsHost = settings.site.url === null;
  sendKeptData(res, kept.get(`arch ${origin}`, `${deps.board.revision} ${now}`, make), { namesClientsHost });
}

/** @throws MillpondError not-found where the operator has not said how MirrorZ calls this server */
async function sendMirrorz(deps: ServerDeps, kept: KeptAnswers, req: Request, res: Response): Promise<void> {
  const settings = deps.settings();
  const { mirrorz } = settings.site;
  if (!mirrorz)
    throw new MillpondError('not-found', 'This server takes no part in MirrorZ.', {
      hint: 'Its operator can change that: site.mirrorz in the configuration.',
    });
  const disk = await diskWords(deps);
  const statuses = deps.board.all();
  const origin = settings.site.url ?? publicOrigin(req, settings);
  const make = () => {
    const downloads = isoInfo(currentProducts(deps));
    return JSON.stringify(mirrorzDocument({ settings, mirrorz, origin, statuses, downloads, disk }));
  };
  const answer = kept.get(`mirrorz ${origin}`, `${deps.board.revision} ${stepOf(deps)} ${disk}`, make);
  sendKeptData(res, answer, { namesClientsHost: settings.site.url === null });
}

/** Seconds since the epoch, cut to whole steps. */
function stepOf(deps: Pick<ServerDeps, 'clock'>): number {
  return Math.floor(deps.clock() / 1000 / STEP) * STEP;
}

async function diskWords(deps: ServerDeps): Promise<string> {
  try {
    const { total, free } = await diskSpace(deps.settings().data);
    return `${formatBytes(total - free)} of ${formatBytes(total)}`;
  } catch {
    return ''; // the disk page and the metrics tell of it; this format has no word for it
  }
}

/** Kilobytes of 1024, as df has them; what is not free for mirrors counts as used. */
async function sendDisk(deps: ServerDeps, kept: KeptAnswers, res: Response): Promise<void> {
  const { total, free } = await diskSpace(deps.settings().data);
  const body = JSON.stringify({ total_kb: Math.floor(total / 1024), used_kb: Math.floor((total - free) / 1024) });
  sendKeptData(
    res,
    kept.get('disk', body, () => body),
  );
}

/** @throws MillpondError not-found */
function sendBadge(
  deps: ServerDeps,
  kept: KeptAnswers,
  { name, res, svg }: { name: string; res: Response; svg: boolean },
): void {
  const status = deps.board.get(name);
  if (!status)
    throw new MillpondError('not-found', `There is no mirror "${name}".`, { hint: '/status lists them all.' });
  const { verdict } = status;
  const make = () => (svg ? badgeSvg(name, verdict) : JSON.stringify(shieldsBadge(name, verdict)));
  const answer = kept.get(`badge ${name} ${svg}`, verdict.word, make);
  // it is made to be shown on pages of others
  res.set('Cross-Origin-Resource-Policy', 'cross-origin');
  sendKeptData(res, answer, { type: svg ? 'image/svg+xml' : 'json' });
}
