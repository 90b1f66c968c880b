import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { MillpondError, systemCode } from '../../core/errors.js';
import { OciError } from '../../core/oci/errors.js';
import { sendJson } from './exchange.js';

/** Seconds after which it is worth asking again, where nothing better is known. */
const RETRY_AFTER = 60;
/** Milliseconds that a client has to take notice of a refusal and to stop sending; closing at once would lose it. */
const DRAIN_MS = 30_000;
/** System errors of a machine that is out of something: no fault of the request, nor one of the program. */
const EXHAUSTED: Readonly<Record<string, { status: number; message: string; retryAfter: number }>> = {
  ENOSPC: { status: 507, message: 'the disk of this registry is full', retryAfter: RETRY_AFTER },
  EDQUOT: { status: 507, message: 'the disk of this registry is full', retryAfter: RETRY_AFTER },
  EMFILE: { status: 503, message: 'this registry has too many files open', retryAfter: 1 },
  ENFILE: { status: 503, message: 'this registry has too many files open', retryAfter: 1 },
};

/**
 * Answers with the body of errors that the distribution specification has; HEAD gets status and fields. What is no
 * OciError is a fault of the program: UNKNOWN outside, whole in the log.
 */
export async function sendError(
  log: Pick<Logger, 'error'>,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
  error: unknown,
): Promise<void> {
  // the client has gone, or has had a part of the answer: breaking off is all that can still be said
  if (response.headersSent || response.destroyed) {
    if (!response.writableFinished) response.destroy();
    return;
  }
  if (isBrokenRequest(request)) return void response.destroy();
  const found = ociErrorOf(error);
  if (found.code === 'UNKNOWN') log.error({ err: error }, 'a request to the registry failed');
  const { detail } = found.details;
  const body = { code: found.code, message: found.message, ...(detail === undefined ? {} : { detail }) };
  await sendJson({ request, response }, found.status, { errors: [body] }, headersOf(found));
  drain(request);
}

/** Anything that was thrown in the words of the catalogue. */
export function ociErrorOf(error: unknown): OciError {
  if (error instanceof OciError) return error;
  const exhausted = EXHAUSTED[systemCode(error) ?? ''];
  if (exhausted) return new OciError('UNAVAILABLE', { ...exhausted, cause: error });
  if (error instanceof MillpondError && error.code === 'unavailable')
    return new OciError('UNAVAILABLE', { message: error.message, retryAfter: RETRY_AFTER, cause: error });
  return new OciError('UNKNOWN', { cause: error });
}

function headersOf({ code, details }: OciError): OutgoingHttpHeaders {
  const retryAfter = details.retryAfter ?? (code === 'TOOMANYREQUESTS' || code === 'UNAVAILABLE' ? RETRY_AFTER : null);
  return {
    ...details.headers,
    ...(retryAfter === null ? {} : { 'Retry-After': String(Math.max(1, Math.ceil(retryAfter))) }),
    'Cache-Control': 'no-store',
  };
}

/** The connection broke before the body was here: nobody is left to read an answer. */
function isBrokenRequest(request: IncomingMessage): boolean {
  return request.destroyed && !request.complete;
}

function drain(request: IncomingMessage): void {
  if (request.complete) return;
  const timer = setTimeout(() => request.destroy(), DRAIN_MS).unref();
  request.once('close', () => clearTimeout(timer)).resume();
}
