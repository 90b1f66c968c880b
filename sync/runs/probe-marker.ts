import { mkdir, rm } from 'node:fs/promises';
import { readMarker, type Marker } from '../../core/marker.js';
import type { Upstream } from '../../core/upstream.js';
import type { TreeRunContext } from './run-context.js';
import { RunFailure } from './run-failure.js';
import { upstreamRequest } from './upstream-request.js';

/**
 * Reads the upstream's marker. Null when the mirror has none configured, or upstream no such file.
 * @throws RunFailure when the upstream cannot be asked
 */
export async function probeMarker(context: TreeRunContext, upstream: Upstream): Promise<Marker | null> {
  const { mirror, layout, log } = context;
  if (!mirror.marker) return null;
  const folder = layout.probe(mirror.name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const result = await context.source.probe({
    ...upstreamRequest(context, upstream),
    path: mirror.marker.path,
    folder,
  });
  context.signal.throwIfAborted();
  if (!result.ok) throw new RunFailure(result.failure, result.message, result.exitCode);
  if (result.content === null) {
    log.write(`Upstream has no marker ${mirror.marker.path}; going on without.`);
    return null;
  }
  const marker = readMarker(result.content, mirror.marker.parser);
  log.write(`Marker ${mirror.marker.path}: ${marker.value.split('\n')[0] ?? ''}`);
  return marker;
}
