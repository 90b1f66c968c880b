import { findMirror } from '../config/all-mirrors.js';
import type { EngineEvent } from '../core/engine.js';
import { MillpondError } from '../core/errors.js';
import type { Run, RunProgress, RunStage } from '../core/run.js';
import { publicRun, type StatusDeps } from './mirror-status.js';
import { scrubberOf } from './scrub.js';

/** A run with its stages and, while it is active, its progress. */
export interface RunDetails extends Run {
  readonly stages: readonly RunStage[];
  readonly progress: RunProgress | null;
}

/** @throws MillpondError not-found when no run has this id, or its mirror is configured no more */
export function runDetails(deps: StatusDeps, id: number): RunDetails {
  const settings = deps.settings();
  const run = deps.store.runs.get(id);
  if (!run || !findMirror(settings, run.mirror))
    throw new MillpondError('not-found', `There is no run "${id}".`, { hint: 'Old runs are removed after a while.' });
  const { running, progress } = deps.engine.activity(run.mirror);
  return {
    ...publicRun(run, scrubberOf(settings, run.mirror)),
    stages: deps.store.runs.stages(id),
    progress: running?.id === id ? progress : null,
  };
}

/** The newest runs of a mirror as the public may see them; those under `before` when it is given. */
export function publicRuns(deps: StatusDeps, mirror: string, limit: number, before?: number): Run[] {
  const scrub = scrubberOf(deps.settings(), mirror);
  return deps.store.runs.list(mirror, limit, before).map((run) => publicRun(run, scrub));
}

export function publicEvent(deps: Pick<StatusDeps, 'settings'>, event: EngineEvent): EngineEvent {
  return 'run' in event
    ? { ...event, run: publicRun(event.run, scrubberOf(deps.settings(), event.run.mirror)) }
    : event;
}
