import { mkdir, rm } from 'node:fs/promises';
import type { Upstream } from '../../core/upstream.js';
import type { TreeRunContext } from './run-context.js';
import { upstreamRequest } from './upstream-request.js';

/** A file of the upstream, of 1 MiB at the most. */
export interface SmallFile {
  readonly content: Buffer;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
}

/** Fetches one small file that a run can do without: null, and a line in its log, when it does not come. */
export async function fetchSmallFile(
  context: TreeRunContext,
  upstream: Upstream,
  path: string,
): Promise<SmallFile | null> {
  const { source, layout, mirror, log, signal } = context;
  const folder = layout.probe(mirror.name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const result = await source.probe({ ...upstreamRequest(context, upstream), path, folder });
  signal.throwIfAborted();
  if (result.ok && result.content !== null) return result;
  log.write(result.ok ? `Upstream has no ${path}.` : `${path} did not come: ${result.message}`);
  return null;
}
