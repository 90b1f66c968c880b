import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRoads, handlerOf } from '../roads.js';
import type { Server } from '../app.js';
import { clientFinder } from '../clients/client-finder.js';
import { Admission, type Denial, type SharedZones } from '../limits/admission.js';
import { createQuickRoad } from '../quick/quick-road.js';
import type { FileDeps } from '../server-deps.js';
import { HttpAnswers } from '../statistics/http-answers.js';
import type { PassOn } from './pass-on.js';

/** Answers requests for published trees, and passes on all others. Those are counted by who answers them. */
export function createWorkerServer(
  deps: FileDeps,
  { passOn, shared }: { passOn: PassOn; shared: SharedZones },
): Pick<Server, 'handler' | 'quick' | 'drainUses'> {
  const [settings, clock] = [() => deps.settings(), () => deps.clock()];
  const { statistics, accessLog } = deps;
  const clientOf = clientFinder(settings);
  const admission = new Admission({ settings, clock, clientOf, shared });
  const answers = new HttpAnswers({ statistics, accessLog, clientOf, clock });
  function pass(request: IncomingMessage, response: ServerResponse, denial?: Denial): undefined {
    const { connections } = admission.usage(clientOf(request));
    passOn(request, response, { denial, connections });
  }
  const roads = createRoads(
    deps,
    { answers, admission },
    { images: (req, res) => pass(req, res), page: (req, res) => pass(req, res) },
  );
  const handler = handlerOf(deps, (req, res) => {
    const denial = admission.admit(req, res);
    return denial ? pass(req, res, denial) : roads.answer(req, res);
  });
  return { handler, quick: createQuickRoad(roads.quick), drainUses: () => admission.drainUses() };
}
