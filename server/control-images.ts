import type { Express } from 'express';
import { setImmediate as nextTick } from 'node:timers/promises';
import { z } from 'zod';
import { followedUpstream } from '../config/followed-upstream.js';
import type { Settings } from '../config/settings.js';
import type { Candidate, CollectHow, TidyReport } from '../content/collect-garbage.js';
import { rollBackTag, type RolledBack } from '../content/roll-back-tag.js';
import type { ScrubFinding, ScrubHow, ScrubReport } from '../content/scrub.js';
import type { Engine } from '../core/engine.js';
import { MillpondError } from '../core/errors.js';
import { shortDigest } from '../core/oci/digest.js';
import type { ImagePlan, PlanHow } from '../core/oci/image-plan.js';
import type { ImageStatistics } from '../core/oci/image-statistics.js';
import { isTag } from '../core/oci/names.js';
import type { FormerTag, Repository, Tag } from '../core/oci/repository.js';
import type { Log } from '../platform/log.js';
import type { BadBlob } from '../store/bad-blobs.js';
import type { Store } from '../store/open.js';
import { bodyOf } from './control-body.js';
import { sendLines, type ControlLine } from './control-lines.js';

/** What works on images in the background, as far as operators ask for it. */
export interface ImageControls {
  collect(how: CollectHow): Promise<TidyReport>;
  scrub(how: ScrubHow): Promise<ScrubReport>;
  /** A plan for each repository, as it is made. @throws MillpondError not-found */
  plan(how: PlanHow): AsyncIterable<ImagePlan>;
}

export interface ImageControlDeps {
  readonly store: Store;
  readonly engine: Engine;
  readonly log: Pick<Log, 'error'>;
  settings(): Settings;
  clock(): number;
  /** Absent where no images are kept. */
  readonly imageControls?: ImageControls;
  readonly imageStatistics?: ImageStatistics | null;
}

/** Sizes are bytes: of all that it names, and of what no other repository has. */
export interface RepositorySummary extends Repository {
  readonly tags: number;
  readonly logical: number;
  readonly own: number;
  /** Whether the configuration keeps it in step with an upstream. */
  readonly isConfigured: boolean;
  /** The registry that it follows, and since when that cannot be asked; null of one of our own. */
  readonly upstream: { readonly registry: string; readonly troubleSince: number | null } | null;
}

export type RepositoryWithTags = RepositorySummary & { readonly list: readonly Tag[] };
/** `current` is null when the tag was removed; `history` is newest first. */
export interface TagWithHistory {
  readonly repository: string;
  readonly tag: string;
  readonly current: Tag | null;
  readonly history: readonly (FormerTag & { readonly isHere: boolean })[];
}
export interface RolledBackImage extends RolledBack {
  /** Whether its mirror was paused, so that the next run does not undo it. */
  readonly paused: boolean;
}

export type PlanLine = ControlLine<ImagePlan, { readonly plans: number }>;
export type CollectLine = ControlLine<Candidate, TidyReport>;
export type ScrubLine = ControlLine<ScrubFinding, ScrubReport & { readonly bad: readonly BadBlob[] }>;

const PAGE = 1_000;
const MOST_HISTORY = 1_000;
const MOST_BAD = 1_000;

const PLAN_BODY = z.strictObject({ name: z.string().nullable().default(null), cheap: z.boolean().default(false) });
const ROLLBACK_BODY = z.strictObject({
  repository: z.string(),
  tag: z.string().refine(isTag, { error: 'is not a tag' }),
  to: z.string().nullable().default(null),
});
const REMOVE_BODY = z.strictObject({ repository: z.string(), tag: z.string().nullable().default(null) });
const COLLECT_BODY = z.strictObject({ dryRun: z.boolean().default(false) });
const SCRUB_BODY = z.strictObject({ all: z.boolean().default(false) });

/** Adds what operators ask and do about images to the control socket. */
export function addImageRoutes(app: Express, deps: ImageControlDeps): void {
  const { store } = deps;
  app.get('/repositories', async (_req, res) => void res.json(await allRepositories(deps)));
  app.get('/repositories/:repository', (req, res) => {
    const repository = repositoryOf(deps, req.params.repository);
    const list = [
      ...pages(
        (after) => store.tags.page(repository.name, after, PAGE),
        ({ tag }) => tag,
      ),
    ];
    res.json({ ...summaryOf(deps, repository), list } satisfies RepositoryWithTags);
  });
  app.get('/repositories/:repository/tags/:tag', (req, res) => {
    res.json(tagOf(deps, repositoryOf(deps, req.params.repository).name, req.params.tag));
  });
  app.post('/images/plan', async (req, res) => {
    const asked = bodyOf(req, PLAN_BODY);
    const controls = controlsOf(deps);
    await sendLines<ImagePlan>(deps, res, async (tell, signal) => {
      let plans = 0;
      for await (const plan of controls.plan({ ...asked, signal })) {
        plans++;
        await tell(plan);
      }
      return { plans };
    });
  });
  app.post('/images/rollback', (req, res) => void res.json(rollBack(deps, bodyOf(req, ROLLBACK_BODY))));
  app.post('/images/remove', (req, res) => void res.json(remove(deps, bodyOf(req, REMOVE_BODY))));
  app.post('/images/gc', async (req, res) => {
    const { dryRun } = bodyOf(req, COLLECT_BODY);
    const controls = controlsOf(deps);
    await sendLines<Candidate>(deps, res, (tell, signal) => controls.collect({ dryRun, signal, onCandidate: tell }));
  });
  app.post('/images/scrub', async (req, res) => {
    const { all } = bodyOf(req, SCRUB_BODY);
    const controls = controlsOf(deps);
    await sendLines<ScrubFinding>(deps, res, async (tell, signal) => {
      const report = await controls.scrub({ all, signal, onFound: tell });
      return { ...report, bad: store.badBlobs.list(MOST_BAD) };
    });
  });
}

async function allRepositories(deps: ImageControlDeps): Promise<RepositorySummary[]> {
  const summaries: RepositorySummary[] = [];
  const troubles = troublesOf(deps);
  for (const repository of pages(
    (after) => deps.store.repositories.page(after, PAGE),
    ({ name }) => name,
  )) {
    summaries.push(summaryOf(deps, repository, troubles));
    await nextTick(); // the size of a large one takes milliseconds
  }
  return summaries;
}

function summaryOf(deps: ImageControlDeps, repository: Repository, troubles = troublesOf(deps)): RepositorySummary {
  const { store } = deps;
  const { name, origin } = repository;
  const settings = deps.settings();
  const registry = origin === 'hosted' ? undefined : followedUpstream(settings, name)?.registry.name;
  return {
    ...{ ...repository, tags: store.tags.count(name), ...store.repositories.sizes(name) },
    isConfigured: settings.images.has(name),
    upstream: registry === undefined ? null : { registry, troubleSince: troubles.get(registry) ?? null },
  };
}

/** Since when registries cannot be asked, by their names. */
function troublesOf({ imageStatistics }: ImageControlDeps): Map<string, number | null> {
  return new Map(imageStatistics?.registries().map(({ name, troubleSince }) => [name, troubleSince]));
}

function tagOf({ store }: ImageControlDeps, repository: string, tag: string): TagWithHistory {
  const current = store.tags.get(repository, tag) ?? null;
  const history = store.tags.history(repository, tag, MOST_HISTORY).map((former) => ({
    ...former,
    isHere: store.repositories.holds(repository, former.digest) && store.blobs.get(former.digest) !== undefined,
  }));
  if (current || history.length > 0) return { repository, tag, current, history };
  throw new MillpondError('not-found', `${repository} has no tag ${JSON.stringify(tag)}`, {
    hint: `To see its tags: millpond images ls ${repository}`,
  });
}

/** A mirror is paused first: the next run would bring the rejected tag right back. */
function rollBack(deps: ImageControlDeps, body: z.output<typeof ROLLBACK_BODY>): RolledBackImage {
  const { store, engine } = deps;
  const settings = deps.settings();
  const { name, origin } = repositoryOf(deps, body.repository);
  const isMirrored = settings.images.has(name);
  if (origin === 'cached' && !isMirrored)
    throw new MillpondError('conflict', `${name} follows its upstream whenever somebody asks for it`, {
      hint: `Mirror it (add it to "images" in ${settings.file}), or pull by digest.`,
    });
  if (isMirrored && engine.activity(name).running)
    throw new MillpondError('conflict', `${name} is being synced`, {
      hint: `Cancel that first: millpond cancel ${name}`,
    });
  const keepHistory = settings.registry.keep.history;
  // both or none: the pause is written by the same database
  return store.transaction(() => {
    const done = rollBackTag({ store, clock: () => deps.clock(), keepHistory }, body);
    if (isMirrored)
      engine.pause(
        name,
        `The tag ${body.tag} was rolled back to ${shortDigest(done.to)}; resume to take what upstream has.`,
      );
    return { ...done, paused: isMirrored };
  });
}

function remove(deps: ImageControlDeps, { repository, tag }: z.output<typeof REMOVE_BODY>): RepositorySummary {
  const { store } = deps;
  const { file } = deps.settings();
  const found = repositoryOf(deps, repository);
  const summary = summaryOf(deps, found);
  if (summary.isConfigured)
    throw new MillpondError('conflict', `${repository} is mirrored: the next run would bring it back`, {
      hint:
        tag === null
          ? `Take it out of "images" in ${file} and reload (millpond reload) first.`
          : `Exclude the tag in ${file} ("tags: { exclude: [...] }").`,
    });
  store.transaction(() => {
    if (tag === null) store.repositories.remove(repository);
    else if (!store.tags.remove(repository, tag, deps.clock())) tagOf(deps, repository, tag);
  });
  return summary;
}

function repositoryOf({ store }: ImageControlDeps, name: string): Repository {
  const repository = store.repositories.get(name);
  if (repository) return repository;
  throw new MillpondError('not-found', `there is no repository of images ${JSON.stringify(name)} here`, {
    hint: '`millpond images ls` lists them.',
  });
}

function controlsOf({ imageControls }: ImageControlDeps): ImageControls {
  if (imageControls) return imageControls;
  throw new MillpondError('unavailable', 'this Millpond keeps no images');
}

function* pages<T>(next: (after: string) => T[], keyOf: (item: T) => string): Generator<T> {
  for (let after = ''; ;) {
    const items = next(after);
    yield* items;
    const last = items.at(-1);
    if (items.length < PAGE || last === undefined) return;
    after = keyOf(last);
  }
}
