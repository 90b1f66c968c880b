import type { Request } from 'express';
import type { Readable } from 'node:stream';
import { MillpondError } from '../../core/errors.js';
import type { Run } from '../../core/run.js';
import type { ClientOf } from '../clients/client-finder.js';
import { openPublicLog, readLogTail, type LogTail } from '../run-log.js';
import { scrubberFor } from '../scrub.js';
import type { ServerDeps } from '../server-deps.js';

type LogOf = Pick<Run, 'mirror' | 'id'>;

/** Logs of runs, for clients that may see them: they name files, which some zones alone may read of some mirrors. */
export class RunLogs {
  constructor(
    private readonly deps: ServerDeps,
    private readonly clientOf: ClientOf,
  ) {}

  /** Whether what is told of the mirror depends on who asks. */
  isForSome(mirror: string): boolean {
    return this.#readers(mirror) !== null;
  }

  /** Why the client sees no log of the mirror, or whatever else names files, as a sentence; null where it may. */
  whyClosed(req: Request, mirror: string, what = 'The log'): string | null {
    const zones = this.#readers(mirror);
    if (!zones || zones.includes(this.clientOf(req).zone)) return null;
    return `${what} names files, which can be read from the zone ${zones.join(', ')} only.`;
  }

  /** The last lines; null where there are none for this client. */
  async tail(req: Request, run: LogOf, most?: number): Promise<LogTail | null> {
    if (this.whyClosed(req, run.mirror) !== null) return null;
    return readLogTail(this.#file(run), scrubberFor(this.deps.settings()), most);
  }

  /** Null where there is none (any more). @throws MillpondError refused */
  async whole(req: Request, run: LogOf): Promise<Readable | null> {
    const closed = this.whyClosed(req, run.mirror);
    if (closed !== null)
      throw new MillpondError('refused', closed, { hint: 'Ask from there; /check tells your zone.' });
    return openPublicLog(this.#file(run), scrubberFor(this.deps.settings()));
  }

  #readers(mirror: string): readonly string[] | null {
    return this.deps.settings().mirrors.get(mirror)?.read ?? null;
  }

  #file({ mirror, id }: LogOf): string {
    return this.deps.layout.log(mirror, id);
  }
}
