import { headersOf, sendJson, type RepositoryExchange } from './exchange.js';
import { nextLink, readPage } from './paging.js';
import { unknownRepository } from './unknown.js';

/** GET /v2/<name>/tags/list. @throws OciError NAME_UNKNOWN, PAGINATION_NUMBER_INVALID */
export async function listTags(exchange: RepositoryExchange): Promise<void> {
  const { parts, path, place, query } = exchange;
  const { store } = parts.deps;
  const { last, limit } = readPage(query);
  if (!store.repositories.get(place.repository)) throw unknownRepository(place);
  // one more than is sent tells whether another page follows
  const found = limit === 0 ? [] : store.tags.names(place.repository, last, limit + 1);
  const tags = found.slice(0, limit);
  const end = found.length > limit ? tags.at(-1) : undefined;
  const more = { n: String(limit), last: end ?? '' };
  const link = end === undefined ? {} : nextLink(`/v2/${path.name}/tags/list`, query, more);
  const headers = headersOf(exchange, { 'Cache-Control': 'no-cache', ...link });
  await sendJson(exchange, 200, { name: path.name, tags }, headers);
}
