import { registryOfAlias } from './addressing.js';
import { authenticate, unauthorized } from './authorize.js';
import { sendJson, type Exchange } from './exchange.js';
import { hostNameOf } from './public-address.js';

/**
 * GET /v2/: the API is here, and the credentials hold. Where tokens can push, who shows none is asked for them: docker
 * and podman look for the challenge here and nowhere else. Everybody gets an access token for pulling.
 */
export async function answerBase(exchange: Exchange): Promise<void> {
  await authenticate(exchange);
  if (exchange.request.headers.authorization === undefined && canPush(exchange)) throw unauthorized(exchange, {});
  await sendJson(exchange, 200, {});
}

/** Under the alias of a registry everything follows that one. */
function canPush({ parts, request }: Exchange): boolean {
  const settings = parts.deps.settings();
  return settings.registry.push.length > 0 && !registryOfAlias(settings, hostNameOf(request));
}
