import { registryOfAlias } from './addressing.js';
import { authenticate } from './authorize.js';
import { sendJson, type Exchange } from './exchange.js';
import { nextLink, readPage } from './paging.js';
import { hostNameOf } from './public-address.js';

/**
 * GET /v2/_catalog, which is Docker's: repositories that the caller may see, which are all. Under the alias of a
 * registry its repositories alone, by the names that they have there.
 * @throws OciError UNAUTHORIZED, PAGINATION_NUMBER_INVALID
 */
export async function listRepositories(exchange: Exchange): Promise<void> {
  const { parts, query, request } = exchange;
  await authenticate(exchange);
  const { last, limit } = readPage(query);
  const registry = registryOfAlias(parts.deps.settings(), hostNameOf(request));
  const prefix = registry ? `${registry.name}/` : '';
  const found = limit === 0 ? [] : parts.deps.store.repositories.page(`${prefix}${last}`, limit + 1);
  const names = found.filter(({ name }) => name.startsWith(prefix)).map(({ name }) => name.slice(prefix.length));
  const repositories = names.slice(0, limit);
  const end = names.length > limit ? repositories.at(-1) : undefined;
  const link = end === undefined ? {} : nextLink('/v2/_catalog', query, { n: String(limit), last: end });
  await sendJson(exchange, 200, { repositories }, { 'Cache-Control': 'no-cache', ...link });
}
