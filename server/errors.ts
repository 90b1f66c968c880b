import { STATUS_CODES } from 'node:http';
import { MillpondError, type ErrorCode } from '../core/errors.js';

/** The one table from what went wrong to an HTTP status (RFC 9110 section 15). */
export const ERROR_STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid: 400,
  refused: 403,
  'not-found': 404,
  conflict: 409,
  locked: 423,
  internal: 500,
  corrupt: 500,
  unavailable: 503,
  'no-space': 507,
};

/** The body of an `application/problem+json` answer (RFC 9457 section 3.1), with two members of our own. */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly hint: string;
}

/** What may be told of anything that was thrown: a fault of the program is "internal" outside, whole only in the log. */
export function problemOf(error: unknown): Problem {
  if (error instanceof MillpondError) return problem(ERROR_STATUS[error.code], error.message, error);
  const status = clientErrorStatus(error);
  if (status) return problem(status, 'The request cannot be read.', { code: 'invalid', hint: '' });
  const hint = 'It has been written to the log. Try again; if it stays, tell the operators.';
  return problem(500, 'Something went wrong inside Millpond.', { code: 'internal', hint });
}

export function problem(status: number, detail: string, more: { code: ErrorCode; hint: string }): Problem {
  const title = STATUS_CODES[status] ?? 'Error';
  return { type: 'about:blank', title, status, detail, code: more.code, hint: more.hint };
}

/** Express marks what the client did wrong (a broken percent-encoding, say) with a 4xx `status`. */
function clientErrorStatus(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('status' in error)) return undefined;
  const { status } = error;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}
