import { OciError } from '../../core/oci/errors.js';
import type { RepositoryExchange } from './exchange.js';

/**
 * What follows an upstream is changed by the sync alone; also what is left of one that is no longer configured.
 * @throws OciError UNSUPPORTED
 */
export function requireOwn({ place, parts }: RepositoryExchange): void {
  const { repository, registry } = place;
  if (registry) throw refusal(`this repository follows ${registry.name}: nothing is pushed to it or deleted from it`);
  const origin = parts.deps.store.repositories.get(repository)?.origin ?? 'hosted';
  if (origin !== 'hosted') throw refusal('this repository holds what was mirrored: nothing is pushed to it');
}

function refusal(message: string): OciError {
  return new OciError('UNSUPPORTED', { message, headers: { Allow: 'GET, HEAD' } });
}
