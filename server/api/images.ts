import { Router, type Request, type Response } from 'express';
import { MillpondError } from '../../core/errors.js';
import { manifestView, tagViews, tagWithHistory, type TagView } from '../image-manifest.js';
import { parseImagePath, type ImagePath } from '../image-path.js';
import {
  catalogue,
  registryViewOf,
  repositoryView,
  tagPage,
  type Catalogue,
  type PageOf,
  type RepositoryView,
} from '../images-view.js';
import { publicRuns, runDetails } from '../public-view.js';
import { sendData } from '../respond.js';
import type { ServerDeps } from '../server-deps.js';
import { readCount, readText } from './query.js';

const ROOT = '/api/v1/images';
const DEFAULT_LIMIT = 50;
const MOST = 200;

/** What programs read of images. Times are milliseconds since the epoch, UTC; sizes are bytes. */
export function imageApiRoutes(deps: ServerDeps): Router {
  const router = Router();
  router.get(ROOT, async (req, res) => sendData(res, await catalogueData(deps, req)));
  router.get(/^\/api\/v1\/images\/(.+)$/, (req, res) => answer(deps, req.params[0] ?? '', req, res));
  return router;
}

/** A page of repositories, with the address of the next one, and all registries. */
export async function catalogueData(deps: ServerDeps, req: Request): Promise<Catalogue & { site: object }> {
  const page = readPage(req);
  const { next, ...found } = await catalogue(deps, page);
  const { name, url } = deps.settings().site;
  return { site: { name, url }, ...found, next: nextAddress(ROOT, page, next) };
}

/** A repository with the registry that it comes from. */
export function repositoryData(deps: ServerDeps, repository: RepositoryView): object {
  return { ...repository, registry: registryViewOf(deps, repository.name) };
}

/** A page of the tags of a repository, with the address of the next one. */
export async function tagsData(
  deps: ServerDeps,
  repository: string,
  req: Request,
): Promise<{ tags: TagView[]; next: string | null }> {
  const page = readPage(req);
  const { tags, next } = tagPage(deps, repository, page);
  return { tags: await tagViews(deps, tags), next: nextAddress(`${ROOT}/${repository}/-/tags`, page, next) };
}

export async function tagData(deps: ServerDeps, repository: string, name: string): Promise<object | undefined> {
  const found = tagWithHistory(deps, repository, name);
  if (!found) return undefined;
  const [tag] = await tagViews(deps, [found.tag]);
  return { ...tag, history: found.history };
}

async function answer(deps: ServerDeps, asked: string, req: Request, res: Response): Promise<void> {
  const path = parseImagePath(asked);
  const repository = path && (await repositoryView(deps, path.repository));
  if (!path || !repository)
    throw new MillpondError('not-found', `There are no images at "${req.path}".`, { hint: `${ROOT} lists them all.` });
  const data = await dataOf(deps, path, repository, req);
  if (data) return sendData(res, data);
  throw new MillpondError('not-found', `The repository "${path.repository}" has nothing at "${req.path}".`, {
    hint: `${ROOT}/${path.repository}/-/tags lists its tags.`,
  });
}

async function dataOf(
  deps: ServerDeps,
  path: ImagePath,
  repository: RepositoryView,
  req: Request,
): Promise<object | undefined> {
  switch (path.kind) {
    case 'repository':
      return repositoryData(deps, repository);
    case 'tags':
      return tagsData(deps, path.repository, req);
    case 'tag':
      return tagData(deps, path.repository, path.tag);
    case 'manifest':
      return manifestView(deps, path.repository, path.digest);
    case 'runs':
      return repository.status ? runsData(deps, path.repository, req) : undefined;
    case 'run':
      return runOf(deps, path.repository, path.id);
  }
}

/** Undefined of what is no run of the repository. */
export function runOf(deps: ServerDeps, repository: string, id: string): ReturnType<typeof runDetails> | undefined {
  const number = /^[1-9]\d{0,14}$/.test(id) ? Number(id) : undefined;
  if (number === undefined || deps.store.runs.get(number)?.mirror !== repository) return undefined;
  return runDetails(deps, number);
}

function runsData(deps: ServerDeps, repository: string, req: Request): object {
  const limit = readCount(req, 'limit', MOST) ?? DEFAULT_LIMIT;
  const runs = publicRuns(deps, repository, limit, readCount(req, 'before', Number.MAX_SAFE_INTEGER));
  const last = runs.at(-1);
  const path = `${ROOT}/${repository}/-/runs`;
  return { runs, next: last && runs.length === limit ? `${path}?limit=${limit}&before=${last.id}` : null };
}

/** @throws MillpondError invalid */
function readPage(req: Request): PageOf {
  return {
    query: readText(req, 'q'),
    after: readText(req, 'after'),
    limit: readCount(req, 'limit', MOST) ?? DEFAULT_LIMIT,
  };
}

function nextAddress(path: string, { query, limit }: PageOf, after: string | null): string | null {
  if (after === null) return null;
  const search = new URLSearchParams({ ...(query ? { q: query } : {}), limit: String(limit), after });
  return `${path}?${search.toString()}`;
}
