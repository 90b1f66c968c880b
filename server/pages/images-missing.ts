import { shortDigest } from '../../core/oci/digest.js';
import { isRepositoryName } from '../../core/oci/names.js';
import { platformText } from '../../core/oci/platform.js';
import { imageStatus, repositoryPath } from '../image-status.js';
import { parseImagePath, type ImagePath } from '../image-path.js';
import { likelyNames } from '../images-view.js';
import type { StatusDeps } from '../mirror-status.js';
import { tagHref } from './images-view-parts.js';

/** What is said where an address below `/images/` means nothing here, and where else to go. */
export interface MissingImage {
  readonly detail: string;
  readonly hint: string;
  readonly links: readonly { readonly href: string; readonly text: string; readonly note: string }[];
}

const MOST_LINKS = 5;
const CATALOGUE = { href: '/images', text: 'All images', note: '' };

/** `path` as the client sent it, `/images/...`, still encoded. */
export function missingImage(deps: StatusDeps, path: string): MissingImage {
  const asked = decoded(path.slice('/images/'.length));
  const found = parseImagePath(asked);
  if (!found || !isKnown(deps, found.repository)) return unknownRepository(deps, found?.repository ?? asked);
  return { ...missingPart(deps, found), links: [...nearTags(deps, found), linkTo(found.repository), CATALOGUE] };
}

/** What is said of `path`, no page, when it is a name of images as clients pull them; null when it is none. */
export function imagesNamedBy(deps: StatusDeps, path: string): MissingImage | null {
  const name = decoded(path.slice(1)).replace(/\/$/, '');
  if (!isRepositoryName(name)) return null;
  if (isKnown(deps, name)) {
    const hint = 'Clients pull by this name; the page about it is below /images.';
    return { detail: `There is no page at ${path}.`, hint, links: [linkTo(name), CATALOGUE] };
  }
  return deps.settings().registries.has(name.slice(0, name.indexOf('/'))) ? unknownRepository(deps, name) : null;
}

function isKnown(deps: StatusDeps, repository: string): boolean {
  return deps.store.repositories.get(repository) !== undefined || deps.settings().images.has(repository);
}

function linkTo(repository: string): MissingImage['links'][number] {
  return { href: repositoryPath(repository), text: repository, note: 'the repository' };
}

function unknownRepository(deps: StatusDeps, name: string): MissingImage {
  const links = likelyNames(deps, name, MOST_LINKS).map((each) => ({
    ...{ href: repositoryPath(each), text: each },
    note: imageStatus(deps, each)?.verdict.label ?? '',
  }));
  const hint =
    links.length > 0
      ? 'Names here begin with the registry that the images come from.'
      : 'It is not mirrored, and nobody has fetched it through this server yet.';
  return { detail: `There is no repository of images "${name}" here.`, hint, links: [...links, CATALOGUE] };
}

function missingPart(deps: StatusDeps, path: ImagePath): Pick<MissingImage, 'detail' | 'hint'> {
  const begin = `The repository "${path.repository}" has no`;
  const selection = imageStatus(deps, path.repository)?.selection;
  const hint = selection === undefined ? '' : `What is mirrored: ${selection}.`;
  if (path.kind === 'tag') return { detail: `${begin} tag "${path.tag}".`, hint };
  if (path.kind === 'run') return { detail: `${begin} run "${path.id}".`, hint: 'Old runs are removed after a while.' };
  if (path.kind !== 'manifest') return { detail: `${begin} such page.`, hint: '' };
  const platform = deps.store.manifests.namedIn(path.repository, path.digest)?.platform;
  const detail = `${begin} manifest ${shortDigest(path.digest)}.`;
  return platform
    ? { detail, hint: `It is that of ${platformText(platform)}, which is not mirrored here.` }
    : { detail, hint };
}

function nearTags({ store }: StatusDeps, path: ImagePath): MissingImage['links'] {
  if (path.kind !== 'tag') return [];
  const [begin = ''] = path.tag.toLowerCase().split(/[-._]/);
  if (begin === '') return [];
  const near = store.imagePages.tags(path.repository, { text: begin, after: '', limit: MOST_LINKS });
  return near.map(({ tag }) => ({ href: tagHref(path.repository, tag), text: tag, note: 'a tag that is here' }));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text).slice(0, 300);
  } catch {
    return text.slice(0, 300);
  }
}
