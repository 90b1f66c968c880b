import { flushTree } from '../../content/publish.js';
import type { FailureClass } from '../../core/failure.js';
import type { Generation } from '../../core/generation.js';
import type { Marker } from '../../core/marker.js';
import { isWhole } from '../../core/mirror.js';
import { formatBytes, formatCount, formatFiles } from '../../core/units.js';
import { parseUpstream, type Upstream } from '../../core/upstream.js';
import { admit, firstBytes } from './admit.js';
import { checkOrHeal, quarantineMessage } from './check-or-heal.js';
import { keepWhatWasVerified, requireKeyrings, type TreeCheck } from './check-tree.js';
import { heldForAPerson, publishHeld, stillHeld } from './held-tree.js';
import { madeWith } from './list-pull.js';
import { prepare, type Staging } from './prepare.js';
import { probeMarker } from './probe-marker.js';
import { publishGeneration } from './publish-generation.js';
import { pullPasses, type Pulled } from './pull-passes.js';
import { refreshOwnFiles } from './refresh-own-files.js';
import type { TreeRunContext } from './run-context.js';
import { RunFailure } from './run-failure.js';
import type { RunResult } from './run-result.js';
import { surveyChanges, type ChangeSurvey, type Difference } from './survey-changes.js';
import { childMark } from './upstream-request.js';
import { waitForUpstream } from './wait-for-upstream.js';
import { writeTraces } from './write-traces.js';

/** Failures that another upstream of the list may not have. */
const ASK_THE_NEXT: ReadonlySet<FailureClass> = new Set(['connect', 'dns', 'refused', 'timeout']);

/**
 * One run, from the marker to the published tree. The upstreams are tried in order.
 * @throws RunFailure when it failed, RunStop when it was ended, anything else for a fault of this program
 */
export async function performTreeRun(context: TreeRunContext): Promise<RunResult> {
  const { mirror, log, tally, run } = context;
  if (run.trigger === 'approval') return publishHeld(context);
  const upstreams = mirror.upstreams.map(parseUpstream);
  for (const [index, upstream] of upstreams.entries()) {
    tally.upstream = upstream.display;
    context.tell.upstream(upstream);
    try {
      return await bringUpToDate(context, upstream);
    } catch (error) {
      const isLast = index === upstreams.length - 1;
      if (isLast || !(error instanceof RunFailure) || !ASK_THE_NEXT.has(error.failure)) throw error;
      log.write(`${error.message} Trying the next upstream.`);
    }
  }
  throw new RunFailure('local', `${mirror.name} has no upstream.`);
}

async function bringUpToDate(context: TreeRunContext, upstream: Upstream): Promise<RunResult> {
  const { tell } = context;
  tell.phase('probe');
  const marker = await probeMarker(context, upstream);
  tallyMarker(context, marker);
  if (marker && isPublished(context, marker.value)) {
    await refreshOwnFiles(context, upstream);
    return unchanged(context, 'The marker of upstream has not moved.');
  }
  const waiting = stillHeld(context, context.tally.marker);
  if (waiting) return { outcome: 'held', message: waiting, generation: null };
  const settled = (await waitForUpstream(context, upstream)) ? await probeMarker(context, upstream) : marker;

  tell.phase('admit');
  requireKeyrings(context);
  await admit(context, await firstBytes(context, upstream));

  tell.phase('prepare');
  const staging = await prepare(context);
  context.signal.throwIfAborted();

  tell.phase('pull');
  const first = await pullPasses(context, upstream, staging, settled);
  tallyMarker(context, first.marker);
  let survey = await tallyChanges(context, staging, first);
  if (staging.state === 'fresh' && survey.entries === 0) return nothingCame(context, staging);

  tell.phase('verify');
  const { check, pulled } = await checkOrHeal(context, upstream, staging, first);
  tallyMarker(context, pulled.marker);
  if (pulled !== first) survey = await tallyChanges(context, staging, pulled);
  if (check.blocks)
    return { outcome: 'quarantined', message: quarantineMessage(context, check.fault ?? ''), generation: null };

  tell.phase('guard');
  const doubt = heldForAPerson(context, staging, survey.inAll);
  if (doubt) return { outcome: 'held', message: doubt, generation: null };

  await writeTraces(context, upstream, staging);
  // still to be cancelled: on a slow disk this takes its time
  await flushTree(staging.root, { env: childMark(context), signal: context.signal });
  tell.phase('publish');
  const generation = await publishGeneration(context, staging, {
    lost: survey.inAll.lost,
    verification: check.sentence,
  });
  await keepWhatWasVerified(context, check, generation.id);

  tell.phase('account');
  return { outcome: 'updated', message: updatedSentence(context, pulled, check), generation: generation.id };
}

/** Of a run, and of the tree that it publishes, only a marker of the content tells anything. */
function tallyMarker({ mirror, tally }: TreeRunContext, marker: Marker | null): void {
  if (mirror.marker?.meaning === 'content') tally.marker = marker;
}

function isPublished({ run, mirror, store }: TreeRunContext, marker: string): boolean {
  if (run.force || mirror.marker?.meaning !== 'content') return false;
  const live = store.generations.live(mirror.name);
  return live?.markerValue === marker && isMadeAlike(store, mirror, live);
}

/** Whether the tree holds what the configuration chooses now. Of trees from before this was recorded, nothing is known. */
function isMadeAlike(store: TreeRunContext['store'], mirror: TreeRunContext['mirror'], live: Generation): boolean {
  const known = store.mirrors.madeWith(mirror.name);
  return known === null || known === madeWith(mirror, live);
}

/** The published tree is equal to upstream: nothing is published, and the page may say since when it is known. */
function unchanged({ store, mirror, tally, clock }: TreeRunContext, message: string): RunResult {
  const live = store.generations.live(mirror.name);
  if (live) store.generations.confirm(live.id, clock(), tally.marker);
  return { outcome: 'unchanged', message, generation: null };
}

function nothingCame(context: TreeRunContext, { live }: Staging): RunResult {
  const { store, mirror } = context;
  if (live && mirror.publish === 'slots') store.mirrors.setStaging(mirror.name, { base: live.id, state: 'fresh' });
  if (live) store.mirrors.setMadeWith(mirror.name, madeWith(mirror, live));
  return unchanged(context, 'Upstream has nothing that we lack.');
}

/** Adds what the list of changes tells to the numbers of the run. */
async function tallyChanges(
  { layout, mirror, tally, store, log }: TreeRunContext,
  staging: Staging,
  pulled: Pulled,
): Promise<ChangeSurvey> {
  const liveRoot = staging.live && layout.slot(mirror.name, staging.live.slot);
  const survey = await surveyChanges(staging, {
    ...{ from: pulled.changesFrom, liveRoot, log },
    kept: store.kept.list(mirror.name).length,
  });
  const { totalBytes, receivedBytes } = tally.numbers;
  const speedup = receivedBytes > 0 ? Math.round((totalBytes / receivedBytes) * 100) / 100 : 0;
  // a stage without filters lists the whole tree, and rsync counts it
  const isCounted = mirror.stages.some(isWhole) && !pulled.byList;
  const size = isCounted ? {} : sizeFrom(staging.live, survey.inAll);
  tally.numbers = { ...tally.numbers, ...survey.numbers, ...size, speedup };
  return survey;
}

/** Where each stage lists a part: what was there, and what has changed since. Files that were replaced count as before. */
function sizeFrom(live: Generation | null, { addedFiles, deletedFiles, grownBytes }: Difference) {
  const totalFiles = (live?.files ?? 0) + addedFiles - deletedFiles;
  return { totalFiles, totalBytes: Math.max(0, (live?.bytes ?? 0) + grownBytes) };
}

function updatedSentence({ tally }: TreeRunContext, pulled: Pulled, check: TreeCheck): string {
  const { transferredFiles, transferredBytes, deletedFiles } = tally.numbers;
  const moved = `${formatFiles(transferredFiles)} (${formatBytes(transferredBytes)}) came`;
  const gone = `${formatCount(deletedFiles)} were deleted`;
  const note = pulled.moving ? ' Upstream kept changing during the pull; the next run looks again.' : '';
  return `${moved}, ${gone}.${note}${check.fault === null ? '' : ` ${check.sentence}`}`;
}
