import { changeListSize } from '../../content/change-list.js';
import { dropPartialFiles } from '../../content/partial-files.js';
import type { Marker } from '../../core/marker.js';
import type { Stage } from '../../core/mirror.js';
import type { RunNumbers } from '../../core/run.js';
import type { Upstream } from '../../core/upstream.js';
import type { PullNumbers, PullResult } from '../upstreams/tree-upstream.js';
import { watchDisk } from './disk-watch.js';
import { fetchList, finishByList, stageOfList, type FetchedList } from './list-pull.js';
import type { Staging } from './prepare.js';
import { probeMarker } from './probe-marker.js';
import type { TreeRunContext } from './run-context.js';
import { isDiskFull, RunFailure } from './run-failure.js';
import { upstreamRequest } from './upstream-request.js';

const MOST_PASSES = 3;
/** Of files that are fetched again, by name. */
const AGAIN: Stage = { name: 'again', include: [], exclude: [], delete: false, options: [] };

export interface Pulled {
  /** Where in the list of changes those of this run begin, bytes. */
  readonly changesFrom: number;
  /** What the marker said when the last pass began. */
  readonly marker: Marker | null;
  /** Upstream changed during each pass; the tree is as the last one found it. */
  readonly moving: boolean;
  /** Only what a list of upstream names as new or changed was looked at. */
  readonly byList: boolean;
}

/**
 * Fills the staging slot: all stages in order, and all of them again while upstream changes under the pull.
 * @throws RunFailure
 */
export async function pullPasses(
  context: TreeRunContext,
  upstream: Upstream,
  staging: Staging,
  firstMarker: Marker | null,
): Promise<Pulled> {
  const changesFrom = await changeListSize(staging.changes);
  let marker = firstMarker;
  for (let pass = 1; ; pass++) {
    const list = await fetchList(context, upstream, staging);
    const vanished = await orMakeRoom(context, staging, pullStages(context, upstream, staging, { pass, list }));
    if (list) await finishByList(context, staging, list);
    const after = await probeMarker(context, upstream);
    // a heartbeat always moves
    const moved = context.mirror.marker?.meaning !== 'heartbeat' && after?.value !== marker?.value;
    const moving = moved || vanished;
    if (moving)
      context.log.write(moved ? 'The marker moved during the pull.' : 'Files vanished at upstream during the pull.');
    if (!moving || pass === MOST_PASSES) {
      // those of files that upstream has no more: nothing else would ever remove them
      if (staging.unfinished) await dropPartialFiles(staging.root, context.signal);
      return { changesFrom, marker, moving, byList: Boolean(list?.filesFrom) };
    }
    marker = after;
  }
}

/** Fetches the files that `filesFrom` (see PullRequest) names once more into the staging slot. @throws RunFailure */
export async function pullAgain(
  context: TreeRunContext,
  upstream: Upstream,
  staging: Staging,
  filesFrom: string,
): Promise<void> {
  const at = { stage: AGAIN, index: 0, count: 1, pass: 1, filesFrom, again: true };
  await orMakeRoom(context, staging, pullStage(context, upstream, staging, at));
}

interface PassOf {
  readonly pass: number;
  readonly list: FetchedList | null;
}

/**
 * On a full disk the end of the run could not even be recorded while partial files take up what is left. The list of
 * changes is on that disk as well, and may lack lines.
 */
async function orMakeRoom<T>(context: TreeRunContext, staging: Staging, pull: Promise<T>): Promise<T> {
  try {
    return await pull;
  } catch (error) {
    if (isDiskFull(error)) {
      await dropPartialFiles(staging.root);
      setUncertain(context, staging);
    }
    throw error;
  }
}

function setUncertain({ store, mirror }: TreeRunContext, { base }: Staging): void {
  if (base !== null) store.mirrors.setStaging(mirror.name, { base, state: 'uncertain' });
}

/** Runs all stages once; whether files vanished at upstream meanwhile. */
async function pullStages(
  context: TreeRunContext,
  upstream: Upstream,
  staging: Staging,
  { pass, list }: PassOf,
): Promise<boolean> {
  const filesFrom = list?.filesFrom ?? null;
  const stages = filesFrom === null ? context.mirror.stages : [stageOfList(context.mirror)];
  let vanished = false;
  let total = { totalFiles: 0, totalBytes: 0 };
  for (const [index, stage] of stages.entries()) {
    const result = await pullStage(context, upstream, staging, {
      ...{ stage, index, count: stages.length, pass, filesFrom },
      again: false,
    });
    // a stage with filters lists a part of the tree only
    if (result.numbers.totalFiles > total.totalFiles) total = result.numbers;
    vanished ||= result.vanished;
  }
  const { totalFiles, totalBytes } = total;
  context.tally.numbers = { ...context.tally.numbers, totalFiles, totalBytes };
  return vanished;
}

async function pullStage(
  context: TreeRunContext,
  upstream: Upstream,
  staging: Staging,
  at: { stage: Stage; index: number; count: number; pass: number; filesFrom: string | null; again: boolean },
): Promise<Extract<PullResult, { ok: true }>> {
  const { mirror, store, layout, tell, tally, log, run, clock } = context;
  const { stage, index, count, pass, filesFrom, again } = at;
  log.write(`Pass ${pass}, stage ${stage.name}: pulling from ${upstream.display}`);
  const stageId = store.runs.startStage({ runId: run.id, pass, name: stage.name, startedAt: clock() });
  const share = context.bandwidth.join(upstream);
  const disk = watchDisk(context);
  let result: PullResult;
  try {
    result = await context.source.pull({
      ...upstreamRequest({ ...context, signal: AbortSignal.any([context.signal, disk.signal]) }, upstream),
      env: { ...upstreamRequest(context, upstream).env, ...(await share.environment()) },
      stage,
      destination: staging.root,
      ...{ filesFrom, again },
      knownFiles: staging.live && staging.live.files > 0 ? staging.live.files : null,
      changes: staging.changes,
      inPlace: mirror.publish === 'in-place',
      temporary: layout.partial(mirror.name),
      bandwidth: share.fixedLimit,
      onProgress: (progress) =>
        tell.progress({
          ...progress,
          stage: stage.name,
          stageIndex: index + 1,
          stageCount: count,
          pass,
        }),
      onActivity: () => tell.activity(),
    });
  } finally {
    disk.stop();
    share.leave();
  }
  store.runs.endStage(stageId, { endedAt: clock(), exitCode: result.exitCode, ...result.numbers });
  tally.exitCode = result.exitCode;
  tally.numbers = addPull(tally.numbers, result.numbers);
  // rsync had to be killed, and could not keep what it was receiving itself
  if (result.exitCode === null) setUncertain(context, staging);
  context.signal.throwIfAborted();
  disk.signal.throwIfAborted();
  if (!result.ok) throw new RunFailure(result.failure, result.message, result.exitCode);
  return result;
}

function addPull(numbers: RunNumbers, pull: PullNumbers): RunNumbers {
  return {
    ...numbers,
    transferredFiles: numbers.transferredFiles + pull.transferredFiles,
    transferredBytes: numbers.transferredBytes + pull.transferredBytes,
    receivedBytes: numbers.receivedBytes + pull.receivedBytes,
  };
}
