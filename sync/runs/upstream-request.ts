import type { Upstream } from '../../core/upstream.js';
import type { UpstreamRequest } from '../upstreams/tree-upstream.js';
import type { TreeRunContext } from './run-context.js';

/** The environment variable by which processes of a data folder are found again after a crash. */
export const DATA_FOLDER_VARIABLE = 'MILLPOND_DATA';

export function upstreamRequest(context: TreeRunContext, upstream: Upstream): UpstreamRequest {
  return {
    mirror: context.mirror,
    upstream,
    signal: context.signal,
    env: { [DATA_FOLDER_VARIABLE]: context.layout.data },
    knownHosts: context.layout.knownHosts,
    onLine: (line) => context.log.write(line),
  };
}
