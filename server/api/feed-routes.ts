import { Router, type Request, type Response } from 'express';
import { MillpondError } from '../../core/errors.js';
import { atomFeed, FEED_ENTRIES, type FeedParts } from '../feeds.js';
import { KeptAnswers } from '../kept-answers.js';
import { publicOrigin } from '../oci/public-address.js';
import { sendKeptData } from '../respond.js';
import type { ServerDeps } from '../server-deps.js';

const ATOM = 'application/atom+xml; charset=utf-8';

/** `/feeds/all.atom` and `/feeds/<mirror>.atom`. */
export function feedRoutes(deps: ServerDeps): Router {
  const router = Router();
  const kept = new KeptAnswers();
  router.get('/feeds/:name', (req, res) => sendFeed(deps, kept, req, res));
  return router;
}

/** @throws MillpondError not-found */
function sendFeed(deps: ServerDeps, kept: KeptAnswers, req: Request<{ name: string }>, res: Response): void {
  const name = /^(.+)\.atom$/.exec(req.params.name)?.[1];
  const mirror = name === 'all' && !deps.settings().mirrors.has('all') ? null : name;
  if (mirror === undefined || (mirror !== null && !deps.settings().mirrors.has(mirror)))
    throw new MillpondError('not-found', `There is no feed "${req.params.name}".`, {
      hint: '/feeds/all.atom tells of all mirrors, /feeds/<mirror>.atom of one.',
    });
  deps.board.all(); // so that its revision is of now
  const settings = deps.settings();
  const origin = settings.site.url ?? publicOrigin(req, settings);
  const version = `${deps.board.revision} ${deps.store.verdicts.lastId()}`;
  const make = () => atomFeed(partsOf(deps, mirror, origin));
  sendKeptData(res, kept.get(`${origin} ${mirror ?? ''}`, version, make), {
    type: ATOM,
    namesClientsHost: settings.site.url === null,
  });
}

/** Only of mirrors that are configured now. */
function partsOf(deps: ServerDeps, mirror: string | null, origin: string): FeedParts {
  const { store } = deps;
  const { site, mirrors } = deps.settings();
  const isShown = (of: { mirror: string }) => mirrors.has(of.mirror);
  const title = mirror === null ? site.name : `${mirrors.get(mirror)?.title ?? mirror} · ${site.name}`;
  return {
    origin,
    path: `/feeds/${mirror ?? 'all'}.atom`,
    page: mirror === null ? '/status' : `/status/${mirror}`,
    title,
    author: site.name,
    generations: (mirror === null
      ? store.generations.newest(FEED_ENTRIES)
      : store.generations.list(mirror, FEED_ENTRIES)
    ).filter(isShown),
    states: (mirror === null ? store.verdicts.newest(FEED_ENTRIES) : store.verdicts.list(mirror, FEED_ENTRIES)).filter(
      isShown,
    ),
    titleOf: (name) => mirrors.get(name)?.title ?? name,
  };
}
