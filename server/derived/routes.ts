import type { IncomingMessage } from 'node:http';
import { Router, type Request, type Response } from 'express';
import { MillpondError } from '../../core/errors.js';
import type { FileHash } from '../../core/file-hash.js';
import { displayName, encodePath } from '../../core/tree-path.js';
import { INDEX_CACHE } from '../files/cache-rules.js';
import type { Miss } from '../files/handler.js';
import { publicOrigin } from '../oci/public-address.js';
import type { PageFrame } from '../pages/page-frame.js';
import { sendPage } from '../respond.js';
import type { ServerDeps } from '../server-deps.js';
import { checksumLine } from './checksum-line.js';
import type { DescribedFile } from './described-file.js';
import { sourceUrls } from './digest-headers.js';
import { findFile, hashWithin, notYetHashed, signatureOf, type OpenFile } from './find-file.js';
import { derivedTarget, FORM_TYPES, type DerivedForm } from './forms.js';
import { fileInfo, infoText, renderInfo } from './info-page.js';
import { metalink3, metalink4 } from './metalink.js';
import { magnetOf, torrentOf } from './torrent.js';

export interface DerivedParts {
  /** What the road of files said of a request that reaches this. */
  readonly missOf: (request: IncomingMessage) => Miss | undefined;
  readonly frame: (title: string) => PageFrame;
  readonly wait: HashWait;
}

/** Milliseconds that a client waits for a hash, and that a page does. */
export interface HashWait {
  readonly form: number;
  readonly page: number;
}

export const HASH_WAIT: HashWait = { form: 10_000, page: 1_000 };

const RENDERERS: Readonly<Record<DerivedForm, (file: DescribedFile) => Buffer | string>> = {
  sha256: checksumLine,
  meta4: metalink4,
  metalink: metalink3,
  torrent: torrentOf,
  magnet: (file) => `${magnetOf(file)}\n`,
};

/**
 * What is made of published files: checksums, metalinks, torrents, and a page that tells of them. It is asked last, so
 * that a real file of such a name is served as it is.
 */
export function derivedRoutes(deps: ServerDeps, parts: DerivedParts): Router {
  const router = Router();
  router.use(async (req, res, next) => {
    const { mirror, path, status } = parts.missOf(req) ?? { status: 0 };
    const target = status === 404 && mirror !== undefined && path ? derivedTarget(path, req.url) : undefined;
    const file = target && (await findFile(deps.trees, mirror ?? '', target.segments));
    if (!target || !file) return next();
    if (target.form === 'info') return answerInfo(deps, parts, file, req, res);
    return answerForm(deps, parts, { file, form: target.form }, req, res);
  });
  return router;
}

async function answerForm(
  deps: ServerDeps,
  { wait }: DerivedParts,
  { file, form }: { file: OpenFile; form: DerivedForm },
  req: Request,
  res: Response,
): Promise<void> {
  const hash = await hashWithin(deps.hashes, file, wait.form);
  if ('done' in hash) {
    res.set('Retry-After', String(hash.secondsLeft));
    throw notYetHashed(file, hash);
  }
  if (form === 'torrent' || form === 'magnet') refuseEmpty(file);
  const described = describe(deps, req, { file, hash, signature: form === 'meta4' ? await signatureOf(file) : null });
  if (form !== 'sha256' && form !== 'magnet') res.attachment(`${described.shownName}.${form}`);
  // a type that was set stays as it is where the body is bytes
  res.set({ 'Content-Type': FORM_TYPES[form], 'Cache-Control': cacheRule(deps), 'Access-Control-Allow-Origin': '*' });
  res.send(Buffer.from(RENDERERS[form](described)));
}

/** Addresses that a client has named itself are for that client alone: no cache may give them to others. */
function cacheRule(deps: ServerDeps): string {
  return deps.settings().site.url === null ? 'private, max-age=60' : INDEX_CACHE;
}

function refuseEmpty({ stats, segments }: OpenFile): void {
  if (stats.size > 0) return;
  throw new MillpondError('not-found', `"${displayName(segments.at(-1) ?? '')}" is empty: there is no torrent of it.`, {
    hint: 'Fetch the file itself.',
  });
}

async function answerInfo(
  deps: ServerDeps,
  { frame, wait }: DerivedParts,
  file: OpenFile,
  req: Request,
  res: Response,
): Promise<void> {
  const hash = await hashWithin(deps.hashes, file, wait.page);
  const known = 'done' in hash ? hash : describe(deps, req, { file, hash, signature: null });
  const info = fileInfo(file, known, deps.settings().mirrors.get(file.mirror)?.title ?? file.mirror);
  sendPage(req, res, {
    html: () => renderInfo(frame(info.name), info),
    json: () => info,
    text: () => infoText(info),
  });
}

function describe(
  deps: ServerDeps,
  req: Request,
  { file, hash, signature }: { file: OpenFile; hash: FileHash; signature: string | null },
): DescribedFile {
  const settings = deps.settings();
  const mirror = settings.mirrors.get(file.mirror);
  const name = file.segments.at(-1) ?? '';
  return {
    ...{ name, shownName: displayName(name), hash, signature },
    mtime: file.stats.mtimeMs,
    url: (settings.site.url ?? publicOrigin(req, settings)) + encodePath([file.mirror, ...file.segments], false),
    sources: sourceUrls(mirror?.sources ?? [], file.segments),
    generator: `Millpond/${deps.version}`,
    publisher: mirror?.title ?? file.mirror,
  };
}
