import { createHash } from 'node:crypto';
import { nameMatcher, type NameMatcher } from '../../config/name-pattern.js';
import { OciError } from '../../core/oci/errors.js';
import type { TokenRecord } from '../../store/tokens.js';
import { SERVICE } from './access-tokens.js';
import { ANYBODY, type Caller } from './caller.js';
import type { Exchange, RegistryParts, RepositoryExchange } from './exchange.js';
import { publicOrigin } from './public-address.js';

/** Actions on a repository, as scopes name them. `pull` is everybody's. */
export type WriteAction = 'push' | 'delete';

/** Milliseconds; when a token was used last is not written down at each request. */
const USED_EVERY = 60_000;

/**
 * Who asks, by the Authorization field: none, Bearer with an access token, or Basic with any name and the secret of a
 * token as password (RFC 9110 section 11, RFC 6750, RFC 7617).
 * @throws OciError UNAUTHORIZED with a challenge
 */
export async function authenticate(exchange: Exchange): Promise<Caller> {
  const field = exchange.request.headers.authorization;
  if (field === undefined) return ANYBODY;
  const [, scheme = '', value = ''] = /^(\S+) +(\S+) *$/.exec(field) ?? [];
  if (scheme.toLowerCase() === 'basic') {
    const token = tokenOfSecret(exchange.parts, passwordIn(value));
    if (token) return { token, grants: null };
    throw unauthorized(exchange, { message: 'the password is not the secret of a token, or the token has expired' });
  }
  const claims = scheme.toLowerCase() === 'bearer' ? await exchange.parts.tokens.readAccess(value) : undefined;
  const token = claims?.subject ? tokenNamed(exchange.parts, claims.subject) : null;
  if (!claims || (claims.subject && !token))
    throw unauthorized(exchange, { error: 'invalid_token', message: 'the access token does not hold (any more)' });
  return { token: token ?? null, grants: claims.grants };
}

/** The token with this secret, when it has not expired. Its hash is looked up: no comparison tells how near a guess is. */
export function tokenOfSecret({ deps }: RegistryParts, secret: string | undefined): TokenRecord | undefined {
  if (secret === undefined || secret === '') return undefined;
  const token = deps.store.tokens.bySecretHash(createHash('sha256').update(secret).digest('hex'));
  if (!token || hasExpired(token, deps.clock())) return undefined;
  if ((token.usedAt ?? 0) <= deps.clock() - USED_EVERY) deps.store.tokens.setUsed(token.id, deps.clock());
  return token;
}

/** The same token as it was when its access token was issued: not one that has got its name since. */
export function tokenNamed({ deps }: RegistryParts, subject: { id: number; name: string }): TokenRecord | undefined {
  const token = deps.store.tokens.byName(subject.name);
  return token?.id === subject.id && !hasExpired(token, deps.clock()) ? token : undefined;
}

/** The password of Basic credentials; undefined where they are none. */
export function passwordIn(credentials: string): string | undefined {
  const text = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : text.slice(colon + 1);
}

/** Whether the token opens the repository, and the operator has opened it for tokens at all. */
export function opens({ deps }: RegistryParts, token: TokenRecord, repository: string): boolean {
  return pushPatterns(deps.settings().registry.push)(repository) && nameMatcher(token.push)(repository);
}

/** Whether the caller may push to the repository that the request is about. */
export function mayPush(exchange: RepositoryExchange): boolean {
  const { parts, caller, place } = exchange;
  return (
    caller.token !== null && includes(caller, place.repository, 'push') && opens(parts, caller.token, place.repository)
  );
}

/**
 * @throws OciError UNAUTHORIZED: nobody, or an access token for less than he has, to be asked for again; DENIED: his
 * token does not open the repository
 */
export function requireWrite(exchange: RepositoryExchange, action: WriteAction): void {
  const { parts, caller, place, path } = exchange;
  const scope = `repository:${path.name}:${action === 'push' ? 'pull,push' : 'delete'}`;
  if (!caller.token) {
    const error = caller.grants ? { error: 'insufficient_scope' } : {};
    throw unauthorized(exchange, {
      scope,
      ...error,
      message: `to ${action} here you need a token: log in with its secret`,
    });
  }
  if (!opens(parts, caller.token, place.repository))
    throw new OciError('DENIED', {
      message: `the token "${caller.token.name}" does not open ${place.repository} for pushing`,
    });
  // 401, not 403: clients ask for another token after a 401 alone
  if (!includes(caller, place.repository, action))
    throw unauthorized(exchange, {
      scope,
      error: 'insufficient_scope',
      message: `the access token is not for ${scope}`,
    });
}

/** A challenge (RFC 6750 section 3, and Docker's "Token Authentication"). */
export function unauthorized(
  { request, parts }: Exchange,
  { scope, error, message }: { scope?: string; error?: string; message?: string },
): OciError {
  const origin = publicOrigin(request, parts.deps.settings());
  const fields = { realm: `${origin}/v2/token`, service: SERVICE, scope, error };
  const challenge = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',');
  return new OciError('UNAUTHORIZED', {
    ...(message === undefined ? {} : { message }),
    headers: { 'WWW-Authenticate': `Bearer ${challenge}` },
  });
}

function includes({ grants }: Caller, repository: string, action: WriteAction): boolean {
  return grants === null || grants.some(({ name, actions }) => name === repository && actions.includes(action));
}

function hasExpired({ expiresAt }: TokenRecord, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}

const compiled = new WeakMap<readonly string[], NameMatcher>();

/** Settings are asked at each request, and replaced at a reload: their patterns are compiled once. */
function pushPatterns(patterns: readonly string[]): NameMatcher {
  const known = compiled.get(patterns);
  if (known) return known;
  const matcher = nameMatcher(patterns);
  compiled.set(patterns, matcher);
  return matcher;
}
