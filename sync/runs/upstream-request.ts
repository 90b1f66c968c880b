import type { Upstream } from '../../core/upstream.js';
import type { UpstreamRequest } from '../upstreams/tree-upstream.js';
import type { TreeRunContext } from './run-context.js';

/** The environment variable by which processes of a data folder are found again after a crash. */
export const CHILD_MARK = 'MILLPOND_CHILD_OF';

/** For the environment of every child process of a run. */
export function childMark({ layout }: Pick<TreeRunContext, 'layout'>): Record<string, string> {
  return { [CHILD_MARK]: layout.data };
}

export function upstreamRequest(context: TreeRunContext, upstream: Upstream): UpstreamRequest {
  return {
    mirror: context.mirror,
    upstream,
    signal: context.signal,
    env: childMark(context),
    knownHosts: context.layout.knownHosts,
    onLine: (line) => context.log.write(line),
  };
}
