import type { FailureClass } from '../../../core/failure.js';
import { systemCode } from '../../../core/errors.js';
import { HttpFailure, type HttpFault } from '../../../platform/http-client.js';

export type RegistryFailureKind =
  | 'not-found'
  | 'denied' // it says no, or leads where we may not go
  | 'unauthorized' // credentials are missing, or not those that it takes
  | 'rate-limited'
  | 'unavailable' // it answers that it cannot answer
  | 'dns'
  | 'connect'
  | 'certificate' // lasts, and is the same for every request
  | 'timeout'
  | 'invalid'; // what it sends is not what it should be

/** An upstream registry did not give what was asked for. The message is one sentence without secrets or addresses. */
export class RegistryFailure extends Error {
  /** Seconds after which asking again makes sense; null when nobody said. */
  readonly retryAfter: number | null;
  /** HTTP status of the answer, where there was one. */
  readonly status: number | null;

  constructor(
    readonly kind: RegistryFailureKind,
    message: string,
    details: { retryAfter?: number | null; status?: number | null; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'RegistryFailure';
    this.retryAfter = details.retryAfter ?? null;
    this.status = details.status ?? null;
  }
}

const OF_REGISTRY: ReadonlySet<RegistryFailureKind> = new Set([
  'unavailable',
  'dns',
  'connect',
  'certificate',
  'timeout',
]);

/** Whether the registry would also say so, or nothing, to a question about another repository or of another account. */
export function isOfRegistry({ kind, status }: RegistryFailure): boolean {
  return OF_REGISTRY.has(kind) && status !== 404; // of a storage that lacks one blob
}

const CLASSES: Readonly<Record<RegistryFailureKind, FailureClass>> = {
  'not-found': 'refused',
  denied: 'refused',
  unauthorized: 'refused',
  'rate-limited': 'refused',
  unavailable: 'connect',
  connect: 'connect',
  certificate: 'tls',
  dns: 'dns',
  timeout: 'timeout',
  invalid: 'partial',
};

export function failureClassOf({ kind }: RegistryFailure): FailureClass {
  return CLASSES[kind];
}

const KINDS: Readonly<Record<HttpFault, RegistryFailureKind>> = {
  dns: 'dns',
  connect: 'connect',
  certificate: 'certificate',
  timeout: 'timeout',
  'private-address': 'denied',
  protocol: 'invalid',
};

/** Runs and their logs are public: hosts and addresses, which may be internal ones, stay with the cause. */
const SENTENCES: Readonly<Record<Exclude<HttpFault, 'certificate'>, string>> = {
  dns: 'leads to a name that cannot be resolved',
  connect: 'cannot be reached',
  timeout: 'does not answer in time',
  'private-address': 'leads to where no address of the public internet is',
  protocol: 'does not answer as HTTP wants it',
};

/** Of what was thrown while `registry` was asked; what is no HttpFailure stays what it is. */
export function toRegistryFailure(registry: string, error: unknown): unknown {
  return error instanceof HttpFailure
    ? new RegistryFailure(KINDS[error.fault], sentenceOf(registry, error), { cause: error })
    : error;
}

/** A certificate is the one thing that nobody can put right without knowing whose it is. */
function sentenceOf(registry: string, error: HttpFailure): string {
  const { fault, message } = error;
  const what = fault === 'certificate' ? `cannot be asked, since ${message}` : SENTENCES[fault];
  return `${registry} ${what}${codeText(error)}`;
}

function codeText({ fault, cause }: HttpFailure): string {
  const code = systemCode(cause);
  return code === undefined || fault === 'private-address' ? '' : ` (${code})`;
}

/** What an answer means that is not the one hoped for; `what` names what was asked for, as "library/debian:12". */
export function statusFailure(
  registry: string,
  what: string,
  answer: { status: number; retryAfter: number | null; anonymous?: boolean },
): RegistryFailure {
  const { status, retryAfter } = answer;
  const failure = (kind: RegistryFailureKind, message: string): RegistryFailure =>
    new RegistryFailure(kind, message, { status, retryAfter });
  if (status === 401)
    return answer.anonymous
      ? failure('unauthorized', `${registry} gives ${what} only to those who log in`)
      : failure('unauthorized', `${registry} does not accept our credentials for ${what}`);
  if (status === 403) return failure('denied', `${registry} refuses access to ${what}`);
  if (status === 404) return failure('not-found', `${registry} does not have ${what}`);
  if (status === 429) return failure('rate-limited', `${registry} has had too many requests${waitText(retryAfter)}`);
  if (status === 408 || status >= 500)
    return failure('unavailable', `${registry} answered ${status} for ${what}${waitText(retryAfter)}`);
  return failure('invalid', `${registry} answered ${status} for ${what}, which makes no sense`);
}

function waitText(retryAfter: number | null): string {
  return retryAfter === null ? '' : ` and asks to wait ${retryAfter} s`;
}
