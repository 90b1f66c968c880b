import { messageOf } from '../../../core/errors.js';
import { parseRetryAfter } from '../../../core/oci/rate-limit.js';
import { HttpFailure, type HttpAnswer, type HttpClient } from '../../../platform/http-client.js';
import { isRedirect, redirectTarget } from '../../../platform/http-redirects.js';
import type { Credential } from './registry-credentials.js';
import { readSmall } from './registry-body.js';
import { RegistryFailure, statusFailure, toRegistryFailure } from './registry-failure.js';

/** What a token is asked for, as a challenge says it. */
export interface TokenRequest {
  readonly realm: URL;
  readonly service: string | null;
  /** Several are separated by spaces; null is a token that opens nothing but the door. */
  readonly scope: string | null;
}

export interface Token {
  readonly token: string;
  /** Milliseconds since the epoch, with a margin for the way to the registry. */
  readonly usableUntil: number;
}

export interface TokenServerOptions {
  /** Name of the registry, for sentences. */
  readonly registry: string;
  readonly http: HttpClient;
  readonly clock: () => number;
  readonly userAgent: string;
}

const CLIENT_ID = 'millpond';
/** Where a server does not say how long a token lasts (Docker's token specification). Seconds. */
const LIFETIME_WITHOUT_WORD = 60;
const LONGEST_LIFETIME = 24 * 3600;
const MARGIN = 10;
const LARGEST_ANSWER = 256 * 1024;
const TOKEN = /^[\x21-\x7e]{1,65536}$/;
const MOST_REDIRECTS = 5;

/**
 * Fetches a token: by GET with Basic or nobody's, by POST of a form with a token of identity, or where GET is not
 * served (Docker's token and OAuth2 specifications). The credential goes to the origin of the realm only.
 * @throws RegistryFailure; the signal's reason
 */
export async function fetchToken(
  request: TokenRequest,
  credential: Credential | null,
  options: TokenServerOptions & { signal: AbortSignal },
): Promise<Token> {
  const { registry, clock } = options;
  const what = request.scope === null ? 'a token' : `a token for ${request.scope}`;
  try {
    let answer = credential?.kind === 'identity-token' ? null : await getToken(request, credential, options);
    if (credential && (answer === null || answer.status === 404 || answer.status === 405)) {
      await answer?.drain();
      answer = await postForm(request, credential, options);
    }
    if (answer?.status === 200) return readToken(await readSmall(registry, what, answer, LARGEST_ANSWER), options);
    await answer?.drain();
    throw statusFailure(`the token server of ${registry}`, what, {
      status: answer?.status ?? 401,
      retryAfter: parseRetryAfter(answer?.field('retry-after'), clock()),
      anonymous: credential === null,
    });
  } catch (error) {
    if (error instanceof HttpFailure) throw toRegistryFailure(`the token server of ${registry}`, error);
    throw error;
  }
}

async function getToken(
  { realm, service, scope }: TokenRequest,
  credential: Credential | null,
  { registry, http, userAgent, signal }: TokenServerOptions & { signal: AbortSignal },
): Promise<HttpAnswer> {
  let target = new URL(realm);
  if (service !== null) target.searchParams.set('service', service);
  for (const one of scopesOf(scope)) target.searchParams.append('scope', one);
  let authorization = credential?.kind === 'password' ? basicOf(credential) : null;
  for (let hops = 0; ; hops++) {
    const headers = { ...commonHeaders(userAgent), ...(authorization === null ? {} : { authorization }) };
    const answer = await http.request(target, { method: 'GET', headers, signal });
    if (!isRedirect(answer.status)) return answer;
    await answer.drain();
    const next = hops === MOST_REDIRECTS ? 'again and again' : redirectTarget(target, answer.field('location'));
    if (typeof next === 'string')
      throw new RegistryFailure('denied', `the token server of ${registry} redirects ${next}`);
    if (next.origin !== target.origin) authorization = null;
    target = next;
  }
}

/** A redirect of a form is not followed: it would carry the secret. */
function postForm(
  { realm, service, scope }: TokenRequest,
  credential: Credential,
  { http, userAgent, signal }: TokenServerOptions & { signal: AbortSignal },
): Promise<HttpAnswer> {
  const form = new URLSearchParams({ client_id: CLIENT_ID });
  if (credential.kind === 'identity-token') {
    form.set('grant_type', 'refresh_token');
    form.set('refresh_token', credential.token);
  } else {
    form.set('grant_type', 'password');
    form.set('username', credential.user);
    form.set('password', credential.password);
  }
  if (service !== null) form.set('service', service);
  if (scope !== null) form.set('scope', scope);
  const headers = { ...commonHeaders(userAgent), 'content-type': 'application/x-www-form-urlencoded' };
  return http.request(realm, { method: 'POST', headers, body: form.toString(), signal });
}

function readToken(bytes: Buffer, { registry, clock }: TokenServerOptions): Token {
  const json = parseObject(bytes);
  const token = json['token'] ?? json['access_token'];
  if (typeof token !== 'string' || !TOKEN.test(token))
    throw new RegistryFailure('invalid', `the token server of ${registry} sends no token`, { status: 200 });
  const said = json['expires_in'];
  const lifetime = typeof said === 'number' && said > 0 ? Math.min(said, LONGEST_LIFETIME) : LIFETIME_WITHOUT_WORD;
  return { token, usableUntil: clock() + (lifetime - Math.min(MARGIN, lifetime / 4)) * 1000 };
}

function parseObject(bytes: Buffer): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {}; // has no token, which is what is said of it
  }
}

/** @throws RegistryFailure when a user name cannot be sent (RFC 7617 section 2) */
export function basicOf({ user, password }: Extract<Credential, { kind: 'password' }>): string {
  if (user.includes(':')) throw new RegistryFailure('unauthorized', 'a user name with a colon cannot be sent');
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
}

function scopesOf(scope: string | null): string[] {
  return (scope ?? '').split(' ').filter((one) => one !== '');
}

function commonHeaders(userAgent: string): Record<string, string> {
  return { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': userAgent };
}

/** Of a file of credentials that cannot be used, as the failure of what needed it. */
export function credentialsFailure(error: unknown): RegistryFailure {
  return new RegistryFailure('unauthorized', messageOf(error), { cause: error });
}
