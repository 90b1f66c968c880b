import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Metrics } from '../metrics.js';
import type { ServerDeps } from '../server-deps.js';
import { Admission, type AdmissionDeps } from './admission.js';
import { DenialIds } from './denial-ids.js';
import { deny } from './deny.js';

/** Where every request enters: the limits of zones, and what is told to those whom they hold back. */
export interface Gate {
  readonly admission: Admission;
  /** Undefined where the request may be answered; else it has been refused, and resolves when that has been told. */
  refuse(request: IncomingMessage, response: ServerResponse): Promise<void> | undefined;
}

export function openGate(
  deps: ServerDeps,
  metrics: Pick<Metrics, 'refused'>,
  parts: Pick<AdmissionDeps, 'clientOf' | 'zoneRate'>,
): Gate {
  const clock = (): number => deps.clock();
  const admission = new Admission({ ...parts, settings: () => deps.settings(), clock });
  const ids = new DenialIds(deps.log, clock);
  return {
    admission,
    refuse(request, response) {
      const denial = admission.admit(request, response);
      if (!denial) return undefined;
      metrics.refused(denial.kind, denial.client.zone);
      return deny(deps, ids, { request, response }, denial);
    },
  };
}
