import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Metrics } from '../metrics.js';
import type { ServerDeps } from '../server-deps.js';
import { Admission, type AdmissionDeps, type Denial } from './admission.js';
import { DenialIds } from './denial-ids.js';
import { deny } from './deny.js';

/** Where every request enters: the limits of zones, and what is told to those whom they hold back. */
export interface Gate {
  readonly admission: Admission;
  /** Tells why a request is refused. */
  deny(request: IncomingMessage, response: ServerResponse, denial: Denial): Promise<void>;
}

export function openGate(
  deps: ServerDeps,
  metrics: Pick<Metrics, 'refused'>,
  parts: Pick<AdmissionDeps, 'clientOf' | 'shared'>,
): Gate {
  const clock = (): number => deps.clock();
  const admission = new Admission({ ...parts, settings: () => deps.settings(), clock });
  const ids = new DenialIds(deps.log, clock);
  return {
    admission,
    deny(request, response, denial) {
      metrics.refused(denial.kind, denial.client.zone);
      return deny(deps, ids, { request, response }, denial);
    },
  };
}
