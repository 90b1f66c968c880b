import { OciError } from '../../core/oci/errors.js';
import { isRepositoryName } from '../../core/oci/names.js';
import type { TokenRecord } from '../../store/tokens.js';
import { ACCESS_SECONDS, type Grant } from './access-tokens.js';
import { resolvePlace } from './addressing.js';
import { opens, passwordIn, tokenNamed, tokenOfSecret } from './authorize.js';
import { readBody, sendJson, type Exchange } from './exchange.js';
import { hostNameOf } from './public-address.js';

const LARGEST_FORM = 64 * 1024;
const MOST_SCOPES = 100;

/** What a client wants of the token service. */
interface Wish {
  /** Whose token; null is anybody's. */
  readonly token: TokenRecord | null;
  readonly scopes: readonly string[];
  readonly wantsRefresh: boolean;
}

/**
 * GET /v2/token, as Docker's "Token Authentication" has it: Basic credentials or none, `scope` any number of times.
 * Fewer rights than asked for are granted in silence; credentials that are wrong are not.
 * @throws OciError UNAUTHORIZED
 */
export async function answerTokenGet(exchange: Exchange): Promise<void> {
  const { request, query, parts } = exchange;
  const [, credentials] = /^Basic +(\S+)/i.exec(request.headers.authorization ?? '') ?? [];
  const token = credentials === undefined ? null : tokenOfSecret(parts, passwordIn(credentials));
  if (token === undefined) throw wrongCredentials();
  await grant(exchange, {
    token,
    scopes: query.getAll('scope').flatMap(wordsOf),
    wantsRefresh: query.get('offline_token') === 'true',
  });
}

/**
 * POST /v2/token, a form as in OAuth 2 (RFC 6749 sections 4.3 and 6), which containerd sends.
 * @throws OciError UNAUTHORIZED, UNSUPPORTED (400: another grant type), SIZE_INVALID (413)
 */
export async function answerTokenPost(exchange: Exchange): Promise<void> {
  const { parts } = exchange;
  const body = await readBody(exchange.request, LARGEST_FORM);
  if (!body) throw new OciError('SIZE_INVALID', { status: 413, message: 'the form is too large' });
  const form = new URLSearchParams(body.toString('utf8'));
  const grantType = form.get('grant_type');
  if (grantType !== 'password' && grantType !== 'refresh_token')
    throw new OciError('UNSUPPORTED', { status: 400, message: 'grant_type is password or refresh_token here' });
  const token =
    grantType === 'password'
      ? tokenOfSecret(parts, form.get('password') ?? undefined)
      : await tokenOfRefresh(exchange, form.get('refresh_token') ?? '');
  if (!token) throw wrongCredentials();
  await grant(exchange, {
    token,
    scopes: form.getAll('scope').flatMap(wordsOf),
    wantsRefresh: form.get('access_type') === 'offline',
  });
}

async function tokenOfRefresh({ parts }: Exchange, text: string): Promise<TokenRecord | undefined> {
  const subject = await parts.tokens.readRefresh(text);
  return subject && tokenNamed(parts, subject);
}

async function grant(exchange: Exchange, { token, scopes, wantsRefresh }: Wish): Promise<void> {
  const { tokens, deps } = exchange.parts;
  const grants = scopes.slice(0, MOST_SCOPES).flatMap((scope) => grantOf(exchange, token, scope) ?? []);
  const access = await tokens.issueAccess({ subject: token, grants });
  const refresh = token && wantsRefresh ? { refresh_token: await tokens.issueRefresh(token) } : {};
  const answer = { token: access, access_token: access, expires_in: ACCESS_SECONDS, ...refresh };
  const issued = { issued_at: new Date(deps.clock()).toISOString() };
  await sendJson(exchange, 200, { ...answer, ...issued }, { 'Cache-Control': 'no-store' });
}

/** What of `repository:<name>:<actions>` is granted. Everything here may be pulled by everybody. */
function grantOf(exchange: Exchange, token: TokenRecord | null, scope: string): Grant | undefined {
  const [, name = '', list = ''] = /^repository(?:\([a-z]+\))?:([^:]+):([a-z*,]*)$/.exec(scope) ?? [];
  const repository = isRepositoryName(name) ? repositoryOf(exchange, name) : undefined;
  if (repository === undefined) return undefined;
  const asked = new Set(list.split(',').flatMap((action) => (action === '*' ? ['pull', 'push', 'delete'] : [action])));
  const canWrite = token !== null && opens(exchange.parts, token, repository);
  const had = canWrite ? ['pull', 'push', 'delete'] : ['pull'];
  return { name: repository, actions: had.filter((action) => asked.has(action)) };
}

function repositoryOf({ parts, request }: Exchange, name: string): string | undefined {
  try {
    const address = { name, host: hostNameOf(request), namespace: null };
    return resolvePlace(parts.deps.settings(), address).repository;
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}

function wordsOf(text: string): string[] {
  return text.split(' ').filter((word) => word !== '');
}

function wrongCredentials(): OciError {
  return new OciError('UNAUTHORIZED', {
    message: 'the password is not the secret of a token, or the token has expired',
    headers: { 'WWW-Authenticate': 'Basic realm="millpond"' },
  });
}
