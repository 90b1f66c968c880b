import { Router, type Request, type Response } from 'express';
import { MillpondError } from '../../core/errors.js';
import { REGISTRY_PART } from '../../core/traffic.js';
import { readText } from '../api/query.js';
import { sendPage } from '../respond.js';
import type { ServerDeps } from '../server-deps.js';
import { figuresOf, isPeriod, PERIODS, type Figures, type Period } from '../statistics/figures.js';
import type { PageFrame } from './page-frame.js';
import { IMAGES_CHOICE, renderStats, statsCsv } from './stats.js';

interface Asked {
  readonly period: Period;
  /** As it stands in the query; empty = all. */
  readonly chosen: string;
}

/** `/stats` and its twins for programs. */
export function statsRoutes(deps: ServerDeps, frame: (page: { title: string; section: 'stats' }) => PageFrame): Router {
  const router = Router();
  const figures = rememberedFigures(deps);
  const answer = (twin: 'json' | null) => (req: Request, res: Response) => {
    const asked = readAsked(deps, req);
    const framed = frame({ title: 'Statistics', section: 'stats' });
    sendPage(
      req,
      res,
      {
        html: () =>
          renderStats(framed, { figures: figures(asked, framed.now), chosen: asked.chosen, settings: deps.settings() }),
        json: () => figures(asked, framed.now),
      },
      twin,
    );
  };
  router.get('/stats', answer(null));
  router.get('/stats.json', answer('json'));
  router.get('/stats.csv', (req, res) => {
    const { now } = frame({ title: '', section: 'stats' });
    const text = statsCsv(figures(readAsked(deps, req), now));
    res
      .set({ 'Cache-Control': 'max-age=15', 'Access-Control-Allow-Origin': '*' })
      .type('text/csv; charset=utf-8')
      .send(text);
  });
  return router;
}

/** Sums of many rows cost milliseconds: each is made once as long as pages are the same. */
function rememberedFigures(deps: ServerDeps): (asked: Asked, now: number) => Figures {
  const known = new Map<string, Figures>();
  // what some zones alone may read is not told to all
  const mayBeNamed = (mirror: string): boolean => deps.settings().mirrors.get(mirror)?.read === null;
  let of = 0;
  return ({ period, chosen }, now) => {
    if (now !== of) known.clear();
    of = now;
    const key = `${period} ${chosen}`;
    const found = known.get(key) ?? figuresOf(deps.store, { period, part: partOf(chosen), now, mayBeNamed });
    known.set(key, found);
    return found;
  };
}

/** @throws MillpondError invalid, not-found */
function readAsked(deps: ServerDeps, req: Request): Asked {
  const period = readText(req, 'period') || 'day';
  if (!isPeriod(period)) {
    const hint = `Ask for one of ${Object.keys(PERIODS).join(', ')}.`;
    throw new MillpondError('invalid', `period=${JSON.stringify(period)} is not a period.`, { hint });
  }
  const chosen = readText(req, 'mirror');
  if (chosen !== '' && chosen !== IMAGES_CHOICE && !deps.settings().mirrors.has(chosen))
    throw new MillpondError('not-found', `There is no mirror ${JSON.stringify(chosen)}.`, {
      hint: '/stats has them all.',
    });
  return { period, chosen };
}

function partOf(chosen: string): string | null {
  if (chosen === '') return null;
  return chosen === IMAGES_CHOICE ? REGISTRY_PART : chosen;
}
