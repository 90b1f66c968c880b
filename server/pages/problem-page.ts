import { distance } from 'fastest-levenshtein';
import { say, type Sentence } from '../../core/sentence.js';
import { encodePath, type TreePath } from '../../core/tree-path.js';
import { problem, type Problem } from '../errors.js';
import { nearestFolder, type Miss } from '../files/handler.js';
import type { MirrorStatus } from '../mirror-status.js';
import type { ServerDeps } from '../server-deps.js';
import { imagesNamedBy, missingImage } from './images-missing.js';
import type { PageFrame } from './page-frame.js';
import { progressView } from './run-view.js';
import { sentenceView } from './time-view.js';
import { renderView } from './view.js';

export interface Suggestion {
  readonly href: string;
  readonly text: string;
  readonly note: string;
}

/** A refusal with what helps: where else to go, and how far a first fetch is. */
export interface Refusal {
  readonly problem: Problem;
  readonly heading: string;
  readonly sentence: Sentence;
  readonly links: readonly Suggestion[];
  /** Whether what was asked for are images: those are searched then, else mirrors. */
  readonly section: 'images' | 'none';
  /** What else is to be told, in rows. */
  readonly facts: readonly { readonly term: string; readonly text: string }[];
  /** The mirror that is being fetched for the first time. */
  readonly fetching: MirrorStatus | null;
  /** Seconds, for a Retry-After field. */
  readonly retryAfter: number | null;
}

const HEADINGS: Readonly<Record<number, string>> = {
  400: 'This request cannot be read',
  404: 'Not found',
  405: 'This is only read',
  503: 'Not here yet',
};

export function renderProblem(frame: PageFrame, refusal: Refusal): string {
  const running = refusal.fetching?.running;
  return renderView('problem', {
    ...frame,
    problem: refusal.problem,
    heading: refusal.heading,
    sentence: sentenceView(refusal.sentence, frame.now),
    links: refusal.links,
    facts: refusal.facts,
    progress: running ? progressView(running, refusal.fetching.progress) : null,
  });
}

export function plainRefusal(found: Problem): Refusal {
  const heading = HEADINGS[found.status] ?? 'Something went wrong';
  const none = { links: [], facts: [], section: 'none', fetching: null, retryAfter: null } as const;
  return { ...none, problem: found, heading, sentence: say`${found.detail}` };
}

/** What to answer where neither a tree nor a page has anything under `path`. */
export async function refusalFor(deps: ServerDeps, path: string, miss: Miss | undefined): Promise<Refusal> {
  const status = miss?.mirror === undefined ? undefined : deps.board.get(miss.mirror);
  if (!miss || !status) return unknownPath(deps, path);
  if (miss.status === 503) return notPublished(status, miss);
  if (miss.status === 400) {
    const detail = miss.reason ?? 'The path cannot be read.';
    const found = problem(400, detail, { code: 'invalid', hint: 'Check the address for a typing error.' });
    return { ...plainRefusal(found), links: mirrorLinks(status) };
  }
  return missingFile(deps, status, miss);
}

function notPublished(status: MirrorStatus, miss: Miss): Refusal {
  const detail = `${miss.reason ?? 'This mirror is not published yet.'} ${status.verdict.sentence}`;
  const found = problem(503, detail, {
    code: 'unavailable',
    hint: 'Nothing is served before it is whole; come back later.',
  });
  return {
    ...plainRefusal(found),
    heading: `${status.title} is not here yet`,
    sentence: status.verdict.parts,
    links: [statusLink(status)],
    fetching: status,
    retryAfter: miss.retryAfter ?? null,
  };
}

/** What is said of a path that a mirror has not. */
export function missingFileProblem(mirror: string, path: TreePath): Problem {
  const detail = `The mirror "${mirror}" exists, but it has nothing at ${encodePath([mirror, ...path.segments], path.folder)}.`;
  const hint = 'It may have been removed or renamed upstream, or never have been part of this mirror.';
  return problem(404, detail, { code: 'not-found', hint });
}

async function missingFile(deps: ServerDeps, status: MirrorStatus, miss: Miss): Promise<Refusal> {
  const path = miss.path ?? { segments: [], folder: true, tidy: true };
  const nearest = miss.path ? await nearestFolder(deps.trees, status.name, miss.path) : status.path;
  const folder = { href: nearest, text: nearest, note: 'the nearest folder that exists' };
  return {
    ...plainRefusal(missingFileProblem(status.name, path)),
    links: nearest === status.path ? mirrorLinks(status) : [folder, ...mirrorLinks(status)],
  };
}

function unknownPath(deps: ServerDeps, path: string): Refusal {
  const images = path.startsWith('/images/') ? missingImage(deps, path) : imagesNamedBy(deps, path);
  if (images) {
    const { detail, hint, links } = images;
    return { ...plainRefusal(problem(404, detail, { code: 'not-found', hint })), links, section: 'images' };
  }
  const name = path.split('/').find((segment) => segment !== '') ?? '';
  const closest = closestMirror([...deps.settings().mirrors.keys()], name.toLowerCase());
  const status = closest === undefined ? undefined : deps.board.get(closest);
  const detail = `There is no page and no mirror at ${path}.`;
  const hint = status ? `Did you mean the mirror "${status.name}"?` : 'Look through the list of mirrors, or search it.';
  const list = { href: '/', text: 'All mirrors', note: '' };
  return {
    ...plainRefusal(problem(404, detail, { code: 'not-found', hint })),
    links: status ? [...mirrorLinks(status), list] : [list],
  };
}

/** The name that a typing error may have made `name` of, or undefined when none is near. */
export function closestMirror(names: readonly string[], name: string): string | undefined {
  if (name === '' || name.length > 64) return undefined;
  const near = names
    .map((known) => ({ known, far: known.startsWith(name) || name.startsWith(known) ? 1 : distance(known, name) }))
    .filter(({ far }) => far <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.far - b.far);
  return near[0]?.known;
}

function mirrorLinks(status: MirrorStatus): Suggestion[] {
  const top = { href: status.path, text: status.path, note: status.title };
  return status.published ? [top, statusLink(status)] : [statusLink(status)];
}

function statusLink(status: MirrorStatus): Suggestion {
  return { href: status.statusPath, text: `Status of ${status.title}`, note: status.verdict.label };
}
