import type { OnDemandImages } from '../../core/oci/on-demand.js';
import type { RepositoryExchange } from './exchange.js';

/** What brings parts of this repository from upstream for this client; undefined where nothing may be brought. */
export function fetcherFor({ parts, place, request }: RepositoryExchange): OnDemandImages | undefined {
  const { onDemand, clientOf } = parts.deps;
  if (!onDemand || !place.registry) return undefined;
  return onDemand.allows(place.repository, clientOf(request).zone) ? onDemand : undefined;
}
