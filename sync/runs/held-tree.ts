import { stat } from 'node:fs/promises';
import { flushTree } from '../../content/publish.js';
import { brokenLimits, heldSentence, type BrokenLimit, type TreeChange } from '../../core/guard.js';
import { formatCount } from '../../core/units.js';
import { parseUpstream } from '../../core/upstream.js';
import { agreeWithDisk, type Staging } from './prepare.js';
import { publishGeneration } from './publish-generation.js';
import type { TreeRunContext } from './run-context.js';
import { RunFailure } from './run-failure.js';
import type { RunResult } from './run-result.js';
import type { Difference } from './survey-changes.js';
import { childMark } from './upstream-request.js';
import { writeTraces } from './write-traces.js';

/**
 * Asks the guard about all that differs from the live tree. When a person must decide, what waits for that is recorded,
 * and the answer is the sentence that says why; else null.
 */
export function heldForAPerson(context: TreeRunContext, staging: Staging, difference: Difference): string | null {
  const { mirror, run, store, tally, clock, log } = context;
  const { live, slot } = staging;
  if (!live || mirror.publish === 'in-place') return null;
  const { deletedFiles, deletedBytes, touchedFiles, shrunk, folders, deleted } = difference;
  const change: TreeChange = {
    ...{ publishedFiles: live.files, deletedFiles, deletedBytes, touchedFiles },
    shrunk: shrunk[0] ?? null,
  };
  const limits = brokenLimits(change, mirror.guard);
  if (limits.length === 0) return null;
  if (run.force) {
    log.write(`Forced: ${heldSentence(limits)}`);
    return null;
  }
  store.held.put({
    ...{ mirror: mirror.name, runId: run.id, base: live.id, slot, heldAt: clock(), approvedAt: null },
    report: { limits, change, folders, deleted, shrunk, lost: [...difference.lost] },
    ...{ numbers: tally.numbers, marker: tally.marker },
  });
  return heldSentence(limits);
}

/**
 * A sentence when there is nothing to fetch beyond the tree that waits: upstream's marker is the one that it came with.
 * So the tree stays as it was shown, however often the schedule comes by. Null when the run has to go on: upstream has
 * moved, has no marker, a person forces it, or the limits are others now and let the tree pass.
 */
export function stillHeld(
  { mirror, run, store, log }: TreeRunContext,
  marker: { readonly value: string } | null,
): string | null {
  const held = store.held.get(mirror.name);
  if (!held || run.force || !marker || held.marker?.value !== marker.value) return null;
  const limits: BrokenLimit[] = brokenLimits(held.report.change, mirror.guard);
  if (limits.length === 0) {
    log.write('The limits of the guard are others now.');
    return null;
  }
  return `${heldSentence(limits)} Nothing was fetched: upstream has not moved since run ${held.runId}, which waits.`;
}

/**
 * Publishes the tree that a person has let through, as it was shown: nothing is fetched.
 * @throws RunFailure local when it is no longer there
 */
export async function publishHeld(context: TreeRunContext): Promise<RunResult> {
  const { mirror, store, layout, tally, tell, log } = context;
  await agreeWithDisk(context);
  const live = store.generations.live(mirror.name) ?? null;
  const held = store.held.get(mirror.name);
  const root = held && layout.slot(mirror.name, held.slot);
  if (!live || !held || held.approvedAt === null || root === null || !(await isFolder(root)))
    throw new RunFailure('local', 'The tree that was let through is no longer there; nothing was published.');
  log.write(`Publishing what run ${held.runId} brought, as a person has decided.`);
  tally.numbers = held.numbers;
  tally.marker = held.marker;
  tally.upstream = store.runs.get(held.runId)?.upstream ?? null;
  const changes = layout.changes(mirror.name, held.slot);
  const staging: Staging = {
    ...{ slot: held.slot, root, live, changes, base: live.id, state: 'continued', unfinished: false },
  };
  await writeTraces(context, parseUpstream(mirror.upstreams[0] ?? '/'), staging);
  await flushTree(root, { env: childMark(context), signal: context.signal });
  tell.phase('publish');
  const generation = await publishGeneration(context, staging, {
    lost: new Map(held.report.lost),
    verification: `The log of run ${held.runId}, which brought it, tells what was verified.`,
  });
  tell.phase('account');
  const gone = formatCount(held.report.change.deletedFiles);
  const message = `What run ${held.runId} brought was let through by a person; ${gone} files less are served.`;
  return { outcome: 'updated', message, generation: generation.id };
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
