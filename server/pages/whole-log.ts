import type { Response } from 'express';
import { pipeline } from 'node:stream/promises';
import { MillpondError } from '../../core/errors.js';
import type { openPublicLog } from '../run-log.js';

/** Sends the log of a run as text. @throws MillpondError not-found where there is none */
export async function sendWholeLog(
  res: Response,
  log: Awaited<ReturnType<typeof openPublicLog>>,
  method: string,
): Promise<void> {
  if (!log)
    throw new MillpondError('not-found', 'There is no log of this run.', { hint: 'Logs are removed after a while.' });
  res.set('Cache-Control', 'no-store').type('text/plain; charset=utf-8');
  if (method === 'HEAD') {
    log.destroy();
    res.end();
    return;
  }
  try {
    await pipeline(log, res);
  } catch {
    res.destroy(); // the client has gone, or the log cannot be read: no part is taken for the whole
  }
}
