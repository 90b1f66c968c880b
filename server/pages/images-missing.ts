import { shortDigest } from '../../core/oci/digest.js';
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
  const isKnown =
    found !== undefined &&
    (deps.store.repositories.get(found.repository) !== undefined || deps.settings().images.has(found.repository));
  if (!found || !isKnown) return unknownRepository(deps, found?.repository ?? asked);
  const repository = { href: repositoryPath(found.repository), text: found.repository, note: 'the repository' };
  return { ...missingPart(deps, found), links: [...nearTags(deps, found), repository, CATALOGUE] };
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
