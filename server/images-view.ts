import { LRUCache } from 'lru-cache';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { followedUpstream } from '../config/followed-upstream.js';
import type { OnDemandRule, Registry } from '../core/oci/image-mirror.js';
import { bytesSaved, hitRatio, type ImageStatistics, type RegistryStatistics } from '../core/oci/image-statistics.js';
import type { Repository, RepositoryOrigin, Tag } from '../core/oci/repository.js';
import type { ContentSummary, RepositorySearch, TagSummary } from '../store/image-pages.js';
import type { Store } from '../store/open.js';
import { imageStatus, imageStatuses, repositoryPath, type ImageStatus, type TagsOf } from './image-status.js';
import { summaryOf, type StatusDeps } from './mirror-status.js';

export interface ImageViewDeps extends StatusDeps {
  readonly imageStatistics?: ImageStatistics | null;
}

/** A repository as pages and the API show it. Times are milliseconds since the epoch, UTC; sizes are bytes. */
export interface RepositoryView {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly path: string;
  readonly origin: RepositoryOrigin;
  /** Null of one that is configured and of which nothing has come yet. */
  readonly createdAt: number | null;
  /** Tags that people gave, and those that tools made of digests. */
  readonly tags: number;
  readonly madeTags: number;
  readonly pulls: number;
  readonly pulledAt: number | null;
  readonly movedAt: number | null;
  /** Of all that it holds, and of what no other repository holds; up to a minute old. */
  readonly size: { readonly logical: number; readonly own: number };
  /** Of one that is kept in step with an upstream; null of all others. */
  readonly status: ImageStatus | null;
}

/** An upstream registry as pages and the API show it. */
export interface RegistryView {
  readonly name: string;
  /** Host name at whose root its repositories are. */
  readonly alias: string | null;
  readonly onDemand: Pick<OnDemandRule, 'allow' | 'keep' | 'recheck'> | null;
  readonly budget: Registry['budget'];
  /** Null where nothing is known. */
  readonly use:
    (Omit<RegistryStatistics, 'name'> & { readonly hitRatio: number | null; readonly bytesSaved: number }) | null;
}

export interface Catalogue {
  readonly summary: ReturnType<typeof summaryOf>;
  /** Repositories in all, and those that match the search. */
  readonly total: number;
  readonly matching: number;
  readonly repositories: readonly RepositoryView[];
  /** The name behind which the next page begins; null on the last one. */
  readonly next: string | null;
  readonly registries: readonly RegistryView[];
}

export interface PageOf {
  /** A search in small letters or not; empty finds all. */
  readonly query: string;
  /** The name or tag behind which the page begins. */
  readonly after: string;
  readonly limit: number;
}

/** Words of one search. */
const MOST_WORDS = 8;
/** Sizes are sums over all that a repository holds: they are made once in so many milliseconds. */
const SIZE_KEPT = 60_000;
const MOST_SIZES = 5_000;
/** Contents that are summed up before others get a turn: some milliseconds of work. */
const SUMMED_UP = 1_000;
const sizes = new WeakMap<Store, LRUCache<string, ContentSummary>>();

/** Whether there is anything to show of images. */
export function hasImages(deps: Pick<StatusDeps, 'settings' | 'store'>): boolean {
  const { images, registries } = deps.settings();
  return images.size > 0 || registries.size > 0 || deps.store.repositories.page('', 1).length > 0;
}

/** A page of the repositories that match, those included of which nothing has come yet. */
export async function catalogue(deps: ImageViewDeps, { query, after, limit }: PageOf): Promise<Catalogue> {
  const tagsOf = tagSummaries(deps.store);
  const statuses = new Map(imageStatuses(deps, tagsOf).map((status) => [status.name, status]));
  const search = searchOf(query, [...statuses.values()]);
  const pages = deps.store.imagePages;
  const stored = pages.repositories(search, { after, limit: limit + 1 });
  const coming = [...statuses.keys()].filter((name) => !deps.store.repositories.get(name));
  const names = new Set(search.also);
  const found = [
    ...stored,
    ...coming.filter((name) => name > after && names.has(name)).map((name) => ({ name, origin: 'mirrored' as const })),
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
  const repositories: RepositoryView[] = [];
  for (const repository of found.slice(0, limit))
    repositories.push(await viewOf(deps, repository, { status: statuses.get(repository.name) ?? null, tagsOf }));
  return {
    summary: summaryOf([...statuses.values()]),
    total: pages.countRepositories({ words: [], also: [] }) + coming.length,
    matching: pages.countRepositories(search) + coming.filter((name) => names.has(name)).length,
    repositories,
    next: found.length > limit ? (repositories.at(-1)?.name ?? null) : null,
    registries: registryViews(deps),
  };
}

/** Undefined when it is neither here nor configured. */
export async function repositoryView(deps: ImageViewDeps, name: string): Promise<RepositoryView | undefined> {
  const tagsOf = tagSummaries(deps.store);
  const status = imageStatus(deps, name, tagsOf) ?? null;
  const stored = deps.store.repositories.get(name);
  if (!stored && !status) return undefined;
  return viewOf(deps, stored ?? { name, origin: 'mirrored' }, { status, tagsOf });
}

/** A page of its tags that hold the query; those that are made of digests only when they are looked for. */
export function tagPage(
  { store }: Pick<StatusDeps, 'store'>,
  repository: string,
  page: PageOf,
): {
  tags: Tag[];
  next: string | null;
} {
  const { after, limit } = page;
  const found = store.imagePages.tags(repository, { text: page.query.toLowerCase(), after, limit: limit + 1 });
  const tags = found.slice(0, limit);
  return { tags, next: found.length > limit ? (tags.at(-1)?.tag ?? null) : null };
}

/** All configured registries, in the order of the configuration. */
export function registryViews(deps: ImageViewDeps): RegistryView[] {
  const known = new Map((deps.imageStatistics?.registries() ?? []).map((one) => [one.name, one]));
  return [...deps.settings().registries.values()].map((registry) => registryView(registry, known.get(registry.name)));
}

/** The registry that a repository follows; null of one of our own. */
export function registryViewOf(deps: ImageViewDeps, repository: string): RegistryView | null {
  const followed = followedUpstream(deps.settings(), repository);
  if (!followed) return null;
  const { registry } = followed;
  return registryView(
    registry,
    deps.imageStatistics?.registries().find(({ name }) => name === registry.name),
  );
}

/** Names of repositories that a person may have meant, at most `limit`. */
export function likelyNames(
  { settings, store }: Pick<StatusDeps, 'settings' | 'store'>,
  name: string,
  limit: number,
): string[] {
  const words = wordsOf(name.split('/').findLast((part) => part !== '') ?? '');
  if (words.length === 0) return [];
  const stored = store.imagePages.repositories({ words, also: [] }, { after: '', limit });
  const configured = [...settings().images.keys()].filter((each) => words.every((word) => each.includes(word)));
  return [...new Set([...stored.map((each) => each.name), ...configured])].slice(0, limit);
}

function searchOf(query: string, statuses: readonly ImageStatus[]): RepositorySearch {
  const words = wordsOf(query);
  const also = statuses
    .filter(({ name, title, description }) => {
      const text = `${name} ${title} ${description}`.toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .map(({ name }) => name);
  return { words, also };
}

function wordsOf(query: string): string[] {
  return query.toLowerCase().split(/\s+/).filter(Boolean).slice(0, MOST_WORDS);
}

/** Reads the tags of each repository once for one answer. */
function tagSummaries(store: Store): TagsOf {
  const known = new Map<string, TagSummary>();
  return (repository) => {
    const summary = known.get(repository) ?? store.imagePages.tagSummary(repository);
    known.set(repository, summary);
    return summary;
  };
}

async function viewOf(
  deps: ImageViewDeps,
  { name, origin, createdAt = null }: Pick<Repository, 'name' | 'origin'> & { readonly createdAt?: number | null },
  { status, tagsOf }: { status: ImageStatus | null; tagsOf: TagsOf },
): Promise<RepositoryView> {
  const { tags, made, pulls, movedAt, pulledAt } = tagsOf(name);
  const contents = await contentsOf(deps.store, name);
  return {
    ...{ name, title: status?.title ?? name, description: status?.description ?? '', path: repositoryPath(name) },
    ...{ origin, createdAt, tags: tags - made, madeTags: made, pulls, movedAt },
    pulledAt: pulledAt === null && contents.pulledAt === null ? null : Math.max(pulledAt ?? 0, contents.pulledAt ?? 0),
    size: { logical: contents.logical, own: contents.own },
    status,
  };
}

/** A part of one repository after the other, with a turn for everybody else between two. */
async function contentsOf(store: Store, name: string): Promise<ContentSummary> {
  let kept = sizes.get(store);
  if (!kept) sizes.set(store, (kept = new LRUCache({ max: MOST_SIZES, ttl: SIZE_KEPT })));
  const known = kept.get(name);
  if (known) return known;
  let sum: ContentSummary = { contents: 0, logical: 0, own: 0, pulledAt: null };
  for (let after: string | null = ''; after !== null;) {
    await nextTurn();
    const { last, ...part } = store.imagePages.contents(name, { after, limit: SUMMED_UP });
    sum = added(sum, part);
    after = part.contents < SUMMED_UP ? null : last;
  }
  if (sum.contents > 0) kept.set(name, sum);
  return sum;
}

function added(a: ContentSummary, b: ContentSummary): ContentSummary {
  return {
    contents: a.contents + b.contents,
    ...{ logical: a.logical + b.logical, own: a.own + b.own },
    pulledAt: b.pulledAt === null ? a.pulledAt : Math.max(a.pulledAt ?? 0, b.pulledAt),
  };
}

function registryView(registry: Registry, known: RegistryStatistics | undefined): RegistryView {
  const { name, alias, onDemand, budget } = registry;
  return {
    ...{ name, alias, budget },
    onDemand: onDemand && { allow: onDemand.allow, keep: onDemand.keep, recheck: onDemand.recheck },
    use: known ? useOf(known) : null,
  };
}

function useOf(known: RegistryStatistics): NonNullable<RegistryView['use']> {
  const { remaining, limit, window, resetsAt, blockedUntil, troubleSince } = known;
  const { hits, misses, bytesFromUpstream, bytesServed } = known;
  return {
    ...{ remaining, limit, window, resetsAt, blockedUntil, troubleSince },
    ...{ hits, misses, bytesFromUpstream, bytesServed },
    ...{ hitRatio: hitRatio(known), bytesSaved: bytesSaved(known) },
  };
}
