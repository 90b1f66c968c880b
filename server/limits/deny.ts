import type { IncomingMessage, ServerResponse } from 'node:http';
import { OciError } from '../../core/oci/errors.js';
import { sendError } from '../oci/errors.js';
import { isRegistryTarget } from '../oci/registry.js';
import { plainRefusal, renderProblem } from '../pages/problem-page.js';
import { frameFor } from '../pages/routes.js';
import { problemText, wantedForm } from '../respond.js';
import { SECURITY_HEADERS } from '../security-headers.js';
import type { ServerDeps } from '../server-deps.js';
import type { Denial } from './admission.js';
import { denialFacts, denialProblem, type DenialProblem } from './denial-words.js';
import type { DenialIds } from './denial-ids.js';

const TYPES = {
  html: 'text/html; charset=utf-8',
  json: 'application/problem+json',
  text: 'text/plain; charset=utf-8',
} as const;

const HEADINGS = { 403: 'You may not read this', 429: 'Too much at a time' } as const;

/** Answers a request that is denied: in the words of the registry below /v2/, else as a page, a problem or text. */
export async function deny(
  deps: ServerDeps,
  ids: DenialIds,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
  denial: Denial,
): Promise<void> {
  const { contact } = deps.settings().site;
  const told = denialProblem(denial, { id: ids.idOf(denial), contact });
  if (denial.kind === 'connections' || denial.kind === 'zone-connections') response.shouldKeepAlive = false;
  if (isRegistryTarget(request.url)) return sendError(deps.log, { request, response }, asOciError(denial, told));
  const form = wantedForm(request.headers.accept);
  const body = Buffer.from(bodyOf(deps, told, form));
  response.writeHead(denial.status, {
    ...SECURITY_HEADERS,
    ...(denial.retryAfter === null ? {} : { 'Retry-After': String(denial.retryAfter) }),
    ...{ Vary: 'Accept', 'Cache-Control': 'no-store', 'Content-Type': TYPES[form], 'Content-Length': body.length },
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function bodyOf(deps: ServerDeps, told: DenialProblem, form: keyof typeof TYPES): string {
  if (form === 'json') return JSON.stringify(told);
  const facts = denialFacts(told);
  if (form === 'text') return problemText(told) + facts.map(({ term, text }) => `${term}: ${text}\n`).join('');
  const heading = told.status === 403 ? HEADINGS[403] : HEADINGS[429];
  const frame = frameFor(deps, { title: heading, section: 'none' });
  return renderProblem(frame, { ...plainRefusal(told), heading, links: CHECK, facts });
}

const CHECK = [{ href: '/check', text: '/check', note: 'your address, your zone, and the limits in force' }];

function asOciError(denial: Denial, told: DenialProblem): OciError {
  const { detail: message, rule, measured, limit, until, zone, id, contact } = told;
  return new OciError(denial.status === 403 ? 'DENIED' : 'TOOMANYREQUESTS', {
    message,
    detail: { rule, measured, limit, until, zone, id, contact },
    ...(denial.retryAfter === null ? {} : { retryAfter: denial.retryAfter }),
  });
}
