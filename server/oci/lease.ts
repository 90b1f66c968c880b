import type { Digest } from '../../core/oci/digest.js';
import { mayPush } from './authorize.js';
import { isHead, type RepositoryExchange } from './exchange.js';

/** Milliseconds; a lease is not written down anew at each request. */
const WRITTEN_EVERY = 60_000;
const SHARE_OF_GRACE = 10;

/**
 * A client that may push asks by HEAD whether it has to: told yes, it counts on finding it a while later, when it pushes
 * the manifest. So what it asked for is wanted from now on, and collection leaves it the whole grace.
 */
export function keepLease(exchange: RepositoryExchange, digest: Digest): void {
  if (!isHead(exchange) || !mayPush(exchange)) return;
  const { store, clock, settings } = exchange.parts.deps;
  const { repository } = exchange.place;
  const now = clock();
  const touchedAt = store.repositories.content(repository, digest)?.touchedAt;
  if (touchedAt === undefined) return;
  const writtenEvery = Math.min(WRITTEN_EVERY, (settings().registry.keep.grace * 1000) / SHARE_OF_GRACE);
  if (touchedAt <= now - writtenEvery) store.repositories.link(repository, digest, now);
}
