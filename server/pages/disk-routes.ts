import { Router, type Request, type Response } from 'express';
import { MillpondError } from '../../core/errors.js';
import { parseSize } from '../../core/units.js';
import { readText } from '../api/query.js';
import { diskData, recentSamples } from '../disk.js';
import { sendPage, type Twin } from '../respond.js';
import type { ServerDeps } from '../server-deps.js';
import { renderDisk } from './disk.js';
import type { PageFrame } from './page-frame.js';

/** `/status/disk` and its twin for programs. */
export function diskRoutes(
  deps: ServerDeps,
  frame: (page: { title: string; section: PageFrame['section'] }) => PageFrame,
): Router {
  const router = Router();
  const answer = (twin: Twin | null) => (req: Request, res: Response) => {
    const framed = frame({ title: 'Disk', section: 'status' });
    const { now } = framed;
    const add = readText(req, 'add');
    const data = diskData(deps, now, bytesOf(add));
    const page = {
      html: () => renderDisk(framed, data, { samples: recentSamples(deps.store, now), add }),
      json: () => data,
    };
    sendPage(req, res, page, twin);
  };
  router.get('/status/disk', answer(null));
  router.get('/status/disk.json', answer('json'));
  return router;
}

/** @throws MillpondError invalid */
function bytesOf(text: string): number {
  if (text === '') return 0;
  const bytes = parseSize(text);
  if (bytes !== undefined) return bytes;
  throw new MillpondError('invalid', `add=${JSON.stringify(text)} is not a size: write it as 500GB or 2TB.`);
}
