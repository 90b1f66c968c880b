import { keptByRule, type RetentionRule } from '../../core/oci/retention.js';
import type { Run } from '../../core/run.js';
import { countOf, formatBytes, formatCount } from '../../core/units.js';
import type { TagView } from '../image-manifest.js';
import type { ImageStatus } from '../image-status.js';
import type { RegistryView, RepositoryView } from '../images-view.js';
import { clientConfiguration, pullCommands, type ClientAddress } from './images-use.js';
import { manifestLink, nameParts, originWords, registryRow, signOf, tagHref } from './images-view-parts.js';
import { verdictView, type PageFrame } from './page-frame.js';
import { runStrip } from './run-strip.js';
import { progressView, runHref, runRow } from './run-view.js';
import { timeOrNull } from './time-view.js';
import { renderView } from './view.js';

export interface RepositoryPage {
  readonly repository: RepositoryView;
  readonly registry: RegistryView | null;
  /** A page of its tags. */
  readonly tags: readonly TagView[];
  readonly query: string;
  readonly after: string;
  readonly next: string | null;
  /** The tag of the commands; null where there is none to show. */
  readonly shownTag: string | null;
  /** The newest runs, newest first. */
  readonly runs: readonly Run[];
  readonly address: ClientAddress;
  /** Rules by which its tags go, in the order in which they are asked. */
  readonly retention: readonly RetentionRule[];
}

/** Platforms that are named in a row of a table. */
const MOST_PLATFORMS = 6;

/** `/images/<repository>`. */
export function renderRepository(frame: PageFrame, page: RepositoryPage): string {
  const { repository, address, shownTag } = page;
  const { now } = frame;
  const { name, title, status } = repository;
  return renderView('image-repository', {
    ...frame,
    ...{ name, path: repository.path, ...nameParts(name), heading: title === name ? '' : title },
    description: repository.description,
    sign: signOf(repository, now),
    verdict: status && verdictView(status.verdict, now),
    progress: status?.running
      ? { ...progressView(status.running, status.progress), href: runHref(status.running), id: status.running.id }
      : null,
    paused: status?.paused && { time: timeOrNull(status.paused.at, now), reason: status.paused.reason },
    origin: originWords(repository),
    facts: factsOf(repository, now),
    retention: page.retention.map(retentionRow),
    mirrored: status && mirroredFacts(status, now),
    upstream: page.registry && registryRow(page.registry, now),
    commands: shownTag === null ? [] : pullCommands(address, name, shownTag),
    setup: page.registry ? clientConfiguration(address, page.registry) : [],
    ...{ upstreamName: page.registry?.name ?? '', kind: repository.origin },
    ...tagTable(page, now),
    runs: page.runs.map((run) => runRow(run, now)),
    strip: runStrip(page.runs, now),
    json: `/api/v1/images/${name}`,
  });
}

function tagTable({ repository, tags, query, after, next }: RepositoryPage, now: number): object {
  const { path, madeTags } = repository;
  return {
    query,
    total: formatCount(repository.tags),
    tags: tags.map((tag) => tagRow(repository, tag, now)),
    made: madeTags > 0 ? countOf(madeTags, 'tag', 'tags') : '',
    first: after === '' ? null : pageHref(path, query, ''),
    next: next === null ? null : pageHref(path, query, next),
  };
}

function tagRow({ name, status }: RepositoryView, tag: TagView, now: number): object {
  const named = tag.platforms.slice(0, MOST_PLATFORMS);
  return {
    ...{ tag: tag.tag, href: tagHref(name, tag.tag), manifest: manifestLink(name, tag.digest) },
    platforms: named.map(({ platform, isHere }) => ({ platform, isHere })),
    morePlatforms: tag.platforms.length > named.length ? `and ${tag.platforms.length - named.length} more` : '',
    size: formatBytes(tag.size),
    moved: timeOrNull(tag.movedAt, now),
    checked: timeOrNull(tag.checkedAt, now),
    stale: timeOrNull(tag.staleSince, now),
    pulled: timeOrNull(tag.pulledAt, now),
    pulls: tag.pulls > 0 ? countOf(tag.pulls, 'pull', 'pulls') : '',
    never: status ? 'not yet' : 'has no upstream',
  };
}

function factsOf({ size, tags, madeTags, movedAt, pulledAt, pulls, createdAt }: RepositoryView, now: number): object {
  return {
    tags: formatCount(tags),
    made: madeTags > 0 ? `and ${formatCount(madeTags)} made of digests` : '',
    size: formatBytes(size.logical),
    own: formatBytes(size.own),
    isShared: size.own !== size.logical,
    moved: timeOrNull(movedAt, now),
    pulled: timeOrNull(pulledAt, now),
    pulls: formatCount(pulls),
    since: timeOrNull(createdAt, now),
  };
}

function retentionRow(rule: RetentionRule, index: number): object {
  const tags = rule.tags.length === 0 ? 'all tags' : rule.tags.join(', ');
  return { tags: index === 0 ? tags : `${tags} that no rule above names`, keeps: keptByRule(rule) };
}

function mirroredFacts(status: ImageStatus, now: number): object {
  return {
    ...{ upstream: status.upstream, schedule: status.schedule, selection: status.selection },
    platforms: status.platforms.join(', ') || 'all that upstream has',
    referrers: status.referrers,
    confirmed: timeOrNull(status.confirmedAt, now),
    next: timeOrNull(status.verdict.nextAt, now),
  };
}

function pageHref(path: string, query: string, after: string): string {
  const search = new URLSearchParams({ ...(query ? { q: query } : {}), ...(after ? { after } : {}) }).toString();
  return `${path}${search ? `?${search}` : ''}#tags`;
}
