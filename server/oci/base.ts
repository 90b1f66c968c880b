import { authenticate, unauthorized } from './authorize.js';
import { sendJson, type Exchange } from './exchange.js';

/**
 * GET /v2/: the API is here, and the credentials hold. Where tokens can push, who shows none is asked for them: docker
 * and podman look for the challenge here and nowhere else. Everybody gets an access token for pulling.
 */
export async function answerBase(exchange: Exchange): Promise<void> {
  await authenticate(exchange);
  const canLogIn = exchange.parts.deps.settings().registry.push.length > 0;
  if (canLogIn && exchange.request.headers.authorization === undefined) throw unauthorized(exchange, {});
  await sendJson(exchange, 200, {});
}
