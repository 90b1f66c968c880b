import { Router, type Request, type Response } from 'express';
import type { ClientOf } from '../clients/client-finder.js';
import { frameFor } from '../pages/routes.js';
import { renderView } from '../pages/view.js';
import { sendPage, type Twin } from '../respond.js';
import type { ServerDeps } from '../server-deps.js';
import type { Admission } from './admission.js';
import { clientReport, reportFacts, reportText } from './client-report.js';

/** `/check` and its twins: where a client is for us, what it may use, and what speed to expect. */
export function checkRoutes(deps: ServerDeps, parts: { clientOf: ClientOf; admission: Admission }): Router {
  const router = Router();
  const answer = (twin: Twin | null, req: Request, res: Response): void => {
    const report = clientReport(parts.clientOf(req), req.socket, parts.admission);
    const page = {
      isPersonal: true,
      html: () => {
        const frame = frameFor(deps, { title: 'Your connection', section: 'none' });
        return renderView('check', { ...frame, verdict: report.verdict, facts: reportFacts(report) });
      },
      json: () => report,
      text: () => reportText(report),
    };
    sendPage(req, res, page, twin);
  };
  router.get('/check', (req, res) => answer(null, req, res));
  router.get('/check.json', (req, res) => answer('json', req, res));
  router.get('/check.txt', (req, res) => answer('txt', req, res));
  return router;
}
