import { countOf, formatBytes, formatCount } from '../../core/units.js';
import { moment, say } from '../../core/sentence.js';
import type { Catalogue, RepositoryView } from '../images-view.js';
import { clientConfiguration, type ClientAddress } from './images-use.js';
import { nameParts, originWords, registryRow, signOf } from './images-view-parts.js';
import type { PageFrame } from './page-frame.js';
import { sentenceView, timeOrNull } from './time-view.js';
import { renderView } from './view.js';

export interface CataloguePage {
  readonly found: Catalogue;
  readonly query: string;
  /** The name behind which the page begins; empty of the first one. */
  readonly after: string;
  readonly address: ClientAddress;
}

/** `/images`: the repositories, the registries that they come from, and how clients are told of all this. */
export function renderImages(frame: PageFrame, { found, query, after, address }: CataloguePage): string {
  const { summary, total, matching, repositories, registries, next } = found;
  return renderView('images', {
    ...frame,
    query,
    summary: summaryText(summary.total, summary.text, total),
    total: formatCount(total),
    matching: formatCount(matching),
    isAll: query === '',
    repositories: repositories.map((repository) => repositoryRow(repository, frame.now)),
    first: after === '' ? null : pageHref(query, ''),
    next: next === null ? null : pageHref(query, next),
    registries: registries.map((registry) => ({
      ...registryRow(registry, frame.now),
      setup: clientConfiguration(address, registry),
    })),
  });
}

function repositoryRow(repository: RepositoryView, now: number): object {
  const { name, path, title, description, status, size, pulledAt } = repository;
  return {
    ...{ path, description, title: title === name ? '' : title, ...nameParts(name) },
    sign: signOf(repository, now),
    state: status?.confirmedAt ? sentenceView(say`in step ${moment(status.confirmedAt)}`, now) : null,
    origin: originWords(repository),
    tags: formatCount(repository.tags),
    size: size.logical > 0 ? formatBytes(size.logical) : '–',
    own: size.own === size.logical ? '' : `${formatBytes(size.own)} its own`,
    pulled: timeOrNull(pulledAt, now),
    pulls: repository.pulls > 0 ? countOf(repository.pulls, 'pull', 'pulls') : '',
  };
}

function summaryText(mirrored: number, text: string, total: number): string {
  const all = countOf(total, 'repository', 'repositories');
  return mirrored === 0 ? all : `${all}; of those kept in step, ${text}`;
}

function pageHref(query: string, after: string): string {
  const search = new URLSearchParams({ ...(query ? { q: query } : {}), ...(after ? { after } : {}) }).toString();
  return search ? `/images?${search}` : '/images';
}
