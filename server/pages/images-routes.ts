import { Router, type NextFunction, type Request, type Response } from 'express';
import { retentionOf } from '../../content/retire-tags.js';
import { catalogueData, repositoryData, runOf, tagData, tagsData } from '../api/images.js';
import { readText } from '../api/query.js';
import { manifestView, tagWithHistory, type TagView } from '../image-manifest.js';
import { parseImagePath, type ImagePath } from '../image-path.js';
import { registryViewOf, repositoryView, type RepositoryView } from '../images-view.js';
import { RECENT_RUNS } from '../mirror-status.js';
import { publicOrigin } from '../oci/public-address.js';
import { publicRuns } from '../public-view.js';
import { sendPage } from '../respond.js';
import { openPublicLog, readLogTail } from '../run-log.js';
import { scrubberFor } from '../scrub.js';
import type { ServerDeps } from '../server-deps.js';
import { renderManifest } from './images-manifest.js';
import { renderRepository } from './images-repository.js';
import { clientAddress, type ClientAddress } from './images-use.js';
import { renderImages } from './images.js';
import type { PageFrame } from './page-frame.js';
import { renderRun } from './run.js';
import { sendWholeLog } from './whole-log.js';

/** Makes the frame of a page. */
type FrameOf = (page: { title: string; section: PageFrame['section']; events?: string }) => PageFrame;

/** A page of one repository that is asked for. */
interface Asked {
  readonly deps: ServerDeps;
  readonly frameOf: FrameOf;
  readonly path: ImagePath;
  readonly repository: RepositoryView;
  readonly req: Request;
  readonly res: Response;
}

/** What people read of images; each page answers `Accept: application/json` with its twin. */
export function imagePageRoutes(deps: ServerDeps, frameOf: FrameOf): Router {
  const router = Router();
  router.get('/images', (req, res) => answerCatalogue(deps, frameOf, req, res));
  router.get(/^\/images\/(.+)$/, async (req: Request, res: Response, next: NextFunction) => {
    const path = parseImagePath(String(req.params[0]));
    const repository = path && (await repositoryView(deps, path.repository));
    // what is not here is told by the page for what is missing
    if (!path || !repository || !(await answer({ deps, frameOf, path, repository, req, res }))) next();
  });
  return router;
}

async function answerCatalogue(deps: ServerDeps, frameOf: FrameOf, req: Request, res: Response): Promise<void> {
  const [query, after] = [readText(req, 'q'), readText(req, 'after')];
  const data = await catalogueData(deps, req);
  const address = addressOf(deps, req);
  sendPage(req, res, {
    namesClientsHost: deps.settings().site.url === null,
    html: () =>
      renderImages(frameOf({ title: 'Images', section: 'images', events: '/api/v1/events' }), {
        ...{ query, after, address },
        found: { ...data, next: data.next && (data.repositories.at(-1)?.name ?? null) },
      }),
    json: () => data,
  });
}

async function answer(asked: Asked): Promise<boolean> {
  switch (asked.path.kind) {
    case 'repository':
      return answerRepository(asked);
    case 'tag':
      return answerTag(asked, asked.path.tag);
    case 'manifest':
      return answerManifest(asked, asked.path.digest);
    case 'run':
      return answerRun(asked, asked.path.id);
    case 'tags':
    case 'runs':
      asked.res.redirect(302, `${asked.repository.path}#${asked.path.kind}`);
      return true;
  }
}

async function answerRepository({ deps, frameOf, repository, req, res }: Asked): Promise<boolean> {
  const { name, status } = repository;
  const [query, after] = [readText(req, 'q'), readText(req, 'after')];
  const listed = await tagsData(deps, name, req);
  const { tags } = listed;
  const page = {
    ...{ repository, tags, query, after, address: addressOf(deps, req) },
    next: listed.next && (tags.at(-1)?.tag ?? null),
    registry: registryViewOf(deps, name),
    shownTag: deps.store.tags.get(name, 'latest')?.tag ?? mostPulled(tags)?.tag ?? null,
    runs: status ? publicRuns(deps, name, RECENT_RUNS) : [],
    retention: retentionOf({ store: deps.store, settings: deps.settings() }, name),
  };
  const events = status ? { events: eventsOf(name) } : {};
  sendPage(req, res, {
    namesClientsHost: deps.settings().site.url === null,
    html: () => renderRepository(frameOf({ title: name, section: 'images', ...events }), page),
    json: () => ({ ...repositoryData(deps, repository), ...listed, tagCount: repository.tags }),
  });
  return true;
}

async function answerTag(asked: Asked, name: string): Promise<boolean> {
  const { deps, repository } = asked;
  const tag = tagWithHistory(deps, repository.name, name);
  const data = await tagData(deps, repository.name, name);
  return tag !== undefined && data !== undefined && sendManifest(asked, tag.tag.digest, { tag, data });
}

function answerManifest(asked: Asked, digest: string): Promise<boolean> {
  return sendManifest(asked, digest, null);
}

async function sendManifest(
  { deps, frameOf, repository, req, res }: Asked,
  digest: string,
  of: { tag: NonNullable<ReturnType<typeof tagWithHistory>>; data: object } | null,
): Promise<boolean> {
  const manifest = await manifestView(deps, repository.name, digest);
  if (!manifest) return false;
  const title = of ? `${repository.name}:${of.tag.tag.tag}` : `${repository.name} ${digest}`;
  const page = { repository, manifest, tag: of?.tag ?? null, address: addressOf(deps, req) };
  sendPage(req, res, {
    namesClientsHost: deps.settings().site.url === null,
    html: () => renderManifest(frameOf({ title, section: 'images' }), page),
    json: () => (of ? { ...of.data, manifest } : manifest),
  });
  return true;
}

async function answerRun({ deps, frameOf, repository, req, res }: Asked, id: string): Promise<boolean> {
  const { name, title: mirrorTitle } = repository;
  const details = repository.status ? runOf(deps, name, id) : undefined;
  if (!details) return false;
  const file = deps.layout.log(name, details.id);
  const scrub = scrubberFor(deps.settings());
  if (req.query['log'] === 'full') {
    await sendWholeLog(res, await openPublicLog(file, scrub), req.method);
    return true;
  }
  const log = await readLogTail(file, scrub);
  const { stages, progress, ...run } = details;
  const nextDueAt = repository.status?.nextDueAt ?? null;
  const events = run.phase === 'ended' ? {} : { events: eventsOf(name) };
  const frame = frameOf({ title: `${name}: run ${id}`, section: 'images', ...events });
  sendPage(req, res, {
    html: () => renderRun(frame, { mirrorTitle, run, stages, progress, log, closedLog: null, nextDueAt }),
    json: () => details,
  });
  return true;
}

/** The first one where none was pulled more than another. */
function mostPulled(tags: readonly TagView[]): TagView | undefined {
  return tags.toSorted((a, b) => b.pulls - a.pulls)[0];
}

/** The public address where the operator gave one, else the one that this client used. */
function addressOf(deps: ServerDeps, req: Request): ClientAddress {
  const settings = deps.settings();
  return clientAddress(settings.site.url ?? publicOrigin(req, settings));
}

function eventsOf(repository: string): string {
  return `/api/v1/events?mirror=${encodeURIComponent(repository)}`;
}
