import type { Marker } from '../../core/marker.js';
import type { Upstream } from '../../core/upstream.js';
import { noMarker, readDirectMarker } from '../markers/read-marker.js';
import type { TreeRunContext } from './run-context.js';
import { RunFailure } from './run-failure.js';
import { upstreamRequest } from './upstream-request.js';

/**
 * Reads the upstream's marker. Null when the mirror has none configured, or upstream no such file.
 * @throws RunFailure when the upstream cannot be asked
 */
export async function probeMarker(context: TreeRunContext, upstream: Upstream): Promise<Marker | null> {
  const { mirror, layout, store, log, source, web, clock } = context;
  if (!mirror.marker) return null;
  const folder = layout.probe(mirror.name);
  const result = await readDirectMarker(mirror.marker, upstreamRequest(context, upstream), { source, web, folder });
  context.signal.throwIfAborted();
  if (!result.ok) throw new RunFailure(result.failure, result.message, result.exitCode);
  const { marker } = result;
  store.lightTransaction(() => {
    if (marker === null) store.markers.absent(mirror.name, 'direct', noMarker(result.at), clock());
    else store.markers.read(mirror.name, 'direct', marker, clock());
  });
  if (marker === null) log.write(`Upstream has no marker ${result.at}; going on without.`);
  else log.write(`Marker ${result.at}: ${marker.value.split('\n')[0] ?? ''}`);
  return marker;
}
