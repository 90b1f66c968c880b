import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { eachLimited } from '../../../content/each-limited.js';
import type { Digest } from '../../../core/oci/digest.js';
import { formatBytes, formatCount } from '../../../core/units.js';
import { admit } from '../../runs/admit.js';
import { watchDisk } from '../../runs/disk-watch.js';
import { RunFailure } from '../../runs/run-failure.js';
import type { RunResult } from '../../runs/run-result.js';
import {
  byDigest,
  chooseTags,
  compareTags,
  cosignTags,
  noComparison,
  tagsBeyond,
  type CompareOptions,
} from './compare-tags.js';
import type { ImageRunContext } from './image-context.js';
import { ImageProgress } from './image-progress.js';
import { lateReferrers } from './late-referrers.js';
import { makePace } from './pace.js';
import { ImagePull } from './pull-images.js';
import { isOfRegistry, RegistryFailure } from './registry-failure.js';
import { TagFailures, toRunFailure } from './tag-failures.js';

const IMAGES_AT_ONCE = 4;
/** All that is under way at once waits for the end of the run; above this Node tells of a leak. */
const MOST_LISTENERS = 1_000;
/** Below so many a repository may lose its tags without a person, and above not more than this share of them. */
const FEWEST_REMOVALS = 20;
const LARGEST_REMOVAL = 0.5;

/** What is known of upstream before anything is fetched. */
interface Survey {
  readonly listed: readonly string[];
  /** As upstream has them, of all tags that were looked at. */
  readonly seen: Map<string, Digest>;
  /** What is to be brought. */
  readonly wanted: ReadonlyMap<Digest, readonly string[]>;
  /** Manifests of tags that have not moved, about which upstream has something new. */
  readonly late: readonly Digest[];
  /** Tags here that upstream has no more, or that nobody asks for. */
  readonly going: readonly string[];
}

/**
 * One run: compares tags by their digests, brings what has changed, and lets each tag move when all of it is here. What
 * is wrong with one tag does not stop the others.
 * @throws RunFailure when it failed, also in part; RunStop when it was ended; anything else for a fault of this program
 */
export async function performImageRun(context: ImageRunContext): Promise<RunResult> {
  const { mirror, tally, clock, log } = context;
  tally.upstream = `${mirror.registry.name}/${mirror.repository}`;
  const failures = new TagFailures(log);
  const since = clock();
  try {
    const result = await bringInStep(context, failures);
    const failure = failures.runFailure(clock());
    if (failure) throw failure;
    return result;
  } catch (error) {
    context.signal.throwIfAborted();
    context.images.health.failed(mirror.registry.name, error);
    markStale(context, { error, failures, since });
    throw toRunFailure(error, clock());
  } finally {
    tallyTotals(context);
  }
}

async function bringInStep(context: ImageRunContext, failures: TagFailures): Promise<RunResult> {
  const { tell, run, tally } = context;
  tell.phase('probe');
  const survey = await surveyTags(context, failures);
  const isNew = survey.wanted.size > 0 || survey.late.length > 0;
  if (!isNew && survey.going.length === 0)
    return { outcome: 'unchanged', message: unchangedSentence(survey), generation: null };

  tell.phase('admit');
  await admit(context);

  tell.phase('pull');
  const moved = !isNew ? 0 : await pullTags(context, survey, failures);

  tell.phase('guard');
  const doubt = run.force ? null : doubtAbout(context, survey);
  if (doubt !== null) return { outcome: 'held', message: doubt, generation: null };

  context.signal.throwIfAborted();
  tell.phase('publish');
  removeTags(context, survey.going);

  tell.phase('account');
  const { transferredFiles, transferredBytes } = tally.numbers;
  const came = `${formatCount(transferredFiles)} blobs and manifests (${formatBytes(transferredBytes)}) came`;
  const message = `${tagCount(moved)} moved, ${formatCount(survey.going.length)} went; ${came}.`;
  return { outcome: 'updated', message, generation: null };
}

async function surveyTags(context: ImageRunContext, failures: TagFailures): Promise<Survey> {
  const { store, mirror, run, images, signal, log, tally } = context;
  const { client } = images.sourceOf(mirror.registry);
  const listed = await client.listTags(mirror.repository, { signal, urgency: 'sync' });
  images.health.answered(mirror.registry.name);
  const chosen = chooseTags(context, listed);
  log.write(`${tagCount(listed.length)} at upstream, ${formatCount(chosen.length)} chosen.`);
  const signatures = mirror.referrers ? cosignTags(store, mirror.name, listed) : [];
  const kept = new Set([...chosen, ...signatures]);
  const comparison = noComparison();
  const { seen, same } = comparison;
  try {
    await compareTags(comparing(context, failures, signal), [...kept], comparison);
  } finally {
    confirm(context, same); // what was compared before something ended the run
  }
  tally.marker = { value: markerOf(seen), time: null };
  const wanted = byDigest(seen, run.force ? new Set() : new Set(same));
  const late = mirror.referrers && !run.force ? await lateReferrers(context, same, signal) : [];
  return { listed, seen, wanted, late, going: tagsBeyond(store, mirror.name, kept) };
}

function comparing(context: ImageRunContext, failures: TagFailures, signal: AbortSignal): CompareOptions {
  const { store, clock, mirror, images } = context;
  const source = images.sourceOf(mirror.registry);
  return { store, clock, mirror, source, blobs: images.blobs, signal, failures };
}

/** Brings what is wanted, and then the signatures of what is new; how many tags have moved. */
async function pullTags(context: ImageRunContext, survey: Survey, failures: TagFailures): Promise<number> {
  const { store, mirror, tell, clock, bandwidth } = context;
  takeRepository(context);
  const share = bandwidth.joinStreams();
  const disk = watchDisk(context);
  const signal = AbortSignal.any([context.signal, disk.signal]);
  setMaxListeners(MOST_LISTENERS, signal, context.signal);
  const progress = new ImageProgress(clock, (now) => tell.progress(now));
  const pull = new ImagePull({ context, signal, progress, pace: makePace(() => share.rate(), clock) });
  try {
    let moved = await bringAll(context, { wanted: survey.wanted, pull, failures });
    await bringLate(survey.late, pull, failures);
    if (mirror.referrers) {
      const late = cosignTags(store, mirror.name, survey.listed).filter((tag) => !survey.seen.has(tag));
      const { seen, same } = await compareTags(comparing(context, failures, signal), late);
      moved += await bringAll(context, { wanted: byDigest(seen, new Set(same)), pull, failures });
    }
    return moved;
  } catch (error) {
    disk.signal.throwIfAborted();
    throw error;
  } finally {
    disk.stop();
    share.leave();
    const { files: transferredFiles, bytes: transferredBytes } = pull.brought;
    const { received: receivedBytes } = progress;
    context.tally.numbers = {
      ...{ ...context.tally.numbers, transferredFiles, transferredBytes, receivedBytes },
      ...{ addedFiles: transferredFiles, addedBytes: transferredBytes },
    };
  }
}

async function bringAll(
  { store, mirror, log, signal, tell }: ImageRunContext,
  how: { wanted: ReadonlyMap<Digest, readonly string[]>; pull: ImagePull; failures: TagFailures },
): Promise<number> {
  let moved = 0;
  await eachLimited(how.wanted, IMAGES_AT_ONCE, async ([digest, tags]) => {
    try {
      const moving = tags.filter((tag) => store.tags.get(mirror.name, tag)?.digest !== digest);
      await how.pull.bring(digest, tags);
      how.failures.succeeded();
      moved += moving.length;
      if (moving.length > 0) log.write(`${moving.join(', ')} is ${digest} from now on.`);
      tell.published();
    } catch (error) {
      signal.throwIfAborted();
      how.failures.add(tags, error);
    }
  });
  return moved;
}

async function bringLate(late: readonly Digest[], pull: ImagePull, failures: TagFailures): Promise<void> {
  for (const digest of late) {
    try {
      await pull.bringReferrers(digest);
    } catch (error) {
      failures.add([`what is about ${digest}`], error);
    }
  }
}

/**
 * Clients of tags that could not be compared or brought learn since when that is so. That no answer came is known of the
 * whole registry; an answer may be about this repository or our account, and is about all tags that were not compared.
 */
function markStale(
  { store, mirror, clock }: ImageRunContext,
  { error, failures, since }: { error: unknown; failures: TagFailures; since: number },
): void {
  const at = clock();
  store.transaction(() => {
    for (const tag of failures.names) store.tags.setStale(mirror.name, tag, at);
    if (error instanceof RegistryFailure && (error.status !== null || !isOfRegistry(error)))
      store.tags.setUncheckedStale(mirror.name, { since, at });
  });
}

/** The repository is kept in step from now on, where clients had fetched from it before. */
function takeRepository({ store, mirror, clock }: ImageRunContext): void {
  const { origin } = store.repositories.ensure(mirror.name, 'mirrored', clock());
  if (origin === 'hosted')
    throw new RunFailure('local', `${mirror.name} is a repository that is pushed to, and cannot be mirrored as well.`);
  if (origin === 'cached') store.repositories.setOrigin(mirror.name, 'mirrored');
}

function confirm({ store, mirror, clock }: ImageRunContext, tags: readonly string[]): void {
  store.lightTransaction(() => {
    for (const tag of tags) store.tags.setChecked(mirror.name, tag, clock());
  });
}

/** Why a person should look before these tags go, as a sentence; null when they may. */
function doubtAbout({ store, mirror }: ImageRunContext, { listed, going }: Survey): string | null {
  const here = store.tags.count(mirror.name);
  if (going.length > 0 && listed.length === 0)
    return `Upstream lists no tag at all, and ${formatCount(here)} are here; they stay until a person has looked.`;
  if (going.length < FEWEST_REMOVALS || going.length <= here * LARGEST_REMOVAL) return null;
  return (
    `${formatCount(going.length)} of ${formatCount(here)} tags would go, more than the ${LARGEST_REMOVAL * 100} % that ` +
    'are allowed without a person; all others are in step.'
  );
}

function removeTags({ store, mirror, clock, log, tally, tell }: ImageRunContext, tags: readonly string[]): void {
  if (tags.length === 0) return;
  store.transaction(() => {
    for (const tag of tags) store.tags.remove(mirror.name, tag, clock());
  });
  log.write(`Removed, since upstream has them no more or nobody asks for them: ${tags.join(', ')}`);
  tally.numbers = { ...tally.numbers, deletedFiles: tags.length };
  tell.published();
}

function tallyTotals({ store, mirror, tally }: ImageRunContext): void {
  const { logical: totalBytes } = store.repositories.sizes(mirror.name);
  const { receivedBytes } = tally.numbers;
  const speedup = receivedBytes > 0 ? Math.round((totalBytes / receivedBytes) * 100) / 100 : 0;
  tally.numbers = { ...tally.numbers, totalFiles: store.repositories.contentCount(mirror.name), totalBytes, speedup };
}

/** Two runs that saw the same tags with the same digests have the same. */
function markerOf(seen: ReadonlyMap<string, Digest>): string {
  const lines = [...seen].map(([tag, digest]) => `${tag} ${digest}\n`).sort();
  return `sha256:${createHash('sha256').update(lines.join('')).digest('hex')}`;
}

function unchangedSentence({ seen }: Survey): string {
  return `${tagCount(seen.size)} compared with upstream, none has moved.`;
}

function tagCount(count: number): string {
  return `${formatCount(count)} ${count === 1 ? 'tag' : 'tags'}`;
}
