import type { Response } from 'express';
import { once } from 'node:events';
import type { Log } from '../platform/log.js';
import { problemOf, type Problem } from './errors.js';

export interface ErrorLine {
  readonly type: 'error';
  readonly problem: Problem;
}

/** One line of an answer that tells what is found as it is found; the last is `end` or `error`. */
export type ControlLine<Item, Report> =
  ({ readonly type: 'item' } & Item) | ({ readonly type: 'end' } & Report) | ErrorLine;

/** Answers with a line for each item as it is found, and ends what finds them when the reader has gone. */
export async function sendLines<Item extends object>(
  deps: { readonly log: Pick<Log, 'error'> },
  res: Response,
  work: (tell: (item: Item) => Promise<void>, signal: AbortSignal) => Promise<object>,
): Promise<void> {
  const closed = new AbortController();
  const { signal } = closed;
  res.once('close', () => closed.abort());
  res.writeHead(200, { 'Content-Type': 'application/x-ndjson' }).flushHeaders();
  const line = async (value: object): Promise<void> => {
    if (!res.write(`${JSON.stringify(value)}\n`)) await once(res, 'drain', { signal });
  };
  try {
    const report = await work((item) => line({ type: 'item', ...item }), signal);
    await line({ type: 'end', ...report });
  } catch (error) {
    if (signal.aborted) return;
    const problem = problemOf(error);
    if (problem.code === 'internal') deps.log.error({ err: error }, 'a request on the control socket failed');
    await line({ type: 'error', problem });
  }
  res.end();
}
