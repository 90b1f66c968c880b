import type { ImageMirror } from '../core/oci/image-mirror.js';
import { decideImageVerdict } from '../core/oci/image-verdict.js';
import { platformText } from '../core/oci/platform.js';
import type { Run, RunProgress } from '../core/run.js';
import type { TagSummary } from '../store/image-pages.js';
import {
  longFailures,
  publicRun,
  publicState,
  publicVerdict,
  RECENT_RUNS,
  type PublicVerdict,
  type StatusDeps,
} from './mirror-status.js';
import { schedulePeriod, scheduleWords } from './schedule-words.js';
import { scrubberFor, type Scrub } from './scrub.js';
import { selectionWords } from './selection-words.js';

/** A repository that is kept in step with an upstream. Times are milliseconds since the epoch, UTC. */
export interface ImageStatus {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Of its page. */
  readonly statusPath: string;
  readonly verdict: PublicVerdict;
  readonly registry: string;
  /** The repository as its registry has it, with the registry before it. */
  readonly upstream: string;
  readonly schedule: string;
  readonly nextDueAt: number | null;
  /** Which tags are mirrored, in words. */
  readonly selection: string;
  /** Empty is all. */
  readonly platforms: readonly string[];
  readonly referrers: boolean;
  readonly tags: number;
  /** When its tags were last all compared with upstream and found, or brought, in step. */
  readonly confirmedAt: number | null;
  readonly paused: { readonly at: number; readonly reason: string } | null;
  readonly running: Run | null;
  readonly progress: RunProgress | null;
  readonly queued: Run | null;
  readonly place: number | null;
  readonly lastRun: Run | null;
  readonly lastGood: Run | null;
}

/** What is known of the tags of a repository; default is to read it. */
export type TagsOf = (repository: string) => TagSummary;

/** Undefined when no image of that name is configured. Reads memory and SQLite only. */
export function imageStatus(deps: StatusDeps, name: string, tagsOf: TagsOf = tagsIn(deps)): ImageStatus | undefined {
  const settings = deps.settings();
  const mirror = settings.images.get(name);
  return mirror && statusOf(deps, mirror, { scrub: scrubberFor(settings), tagsOf });
}

/** All configured images, in the order of the configuration. */
export function imageStatuses(deps: StatusDeps, tagsOf: TagsOf = tagsIn(deps)): ImageStatus[] {
  const settings = deps.settings();
  const scrub = scrubberFor(settings);
  return [...settings.images.values()].map((mirror) => statusOf(deps, mirror, { scrub, tagsOf }));
}

export function repositoryPath(name: string): string {
  return `/images/${name}`;
}

function tagsIn({ store }: StatusDeps): TagsOf {
  return (repository) => store.imagePages.tagSummary(repository);
}

function statusOf(
  deps: StatusDeps,
  mirror: ImageMirror,
  { scrub, tagsOf }: { scrub: Scrub; tagsOf: TagsOf },
): ImageStatus {
  const { store, engine } = deps;
  const { name } = mirror;
  const ended = store.runs.ended(name, RECENT_RUNS).map((run) => publicRun(run, scrub));
  const good = store.runs.lastGood(name);
  const lastGood = good ? publicRun(good, scrub) : null;
  const activity = engine.activity(name);
  const state = publicState(store.mirrors.get(name), scrub);
  const tags = tagFacts(tagsOf(name));
  const rhythm = { period: schedulePeriod(mirror.schedule), jitter: deps.settings().sync.jitter };
  const failures = longFailures(store, name, ended);
  const facts = { mirror, state, activity, ended, lastGood, failures, tags };
  const verdict = decideImageVerdict({ now: deps.clock(), ...rhythm, ...facts });
  return {
    ...{ name, title: mirror.title, description: mirror.description, statusPath: repositoryPath(name) },
    verdict: publicVerdict(verdict),
    registry: mirror.registry.name,
    upstream: `${mirror.registry.name}/${mirror.repository}`,
    schedule: scheduleWords(mirror.schedule),
    nextDueAt: state.nextDueAt,
    selection: selectionWords(mirror),
    platforms: mirror.platforms.map(platformText),
    referrers: mirror.referrers,
    tags: tags.count,
    confirmedAt: lastGood && (lastGood.startedAt ?? lastGood.queuedAt),
    paused: state.pausedAt === null ? null : { at: state.pausedAt, reason: state.pauseReason ?? '' },
    running: activity.running && publicRun(activity.running, scrub),
    progress: activity.running && activity.progress,
    queued: activity.queued && publicRun(activity.queued, scrub),
    ...{ place: activity.place, lastRun: ended[0] ?? null, lastGood },
  };
}

function tagFacts({ tags, movedAt, movedHere }: TagSummary): {
  count: number;
  movedAt: number | null;
  movedHere: number;
} {
  return { count: tags, movedAt, movedHere };
}
