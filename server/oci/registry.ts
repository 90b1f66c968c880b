import type { IncomingMessage, ServerResponse } from 'node:http';
import { OciError } from '../../core/oci/errors.js';
import { splitTarget } from '../files/request-target.js';
import { AccessTokens } from './access-tokens.js';
import { resolvePlace } from './addressing.js';
import { authenticate } from './authorize.js';
import { answerBase } from './base.js';
import { sendBlob } from './blobs.js';
import { listRepositories } from './catalog.js';
import { deleteBlob, deleteManifest } from './deletion.js';
import { sendError } from './errors.js';
import type { Exchange, RegistryParts, RepositoryExchange } from './exchange.js';
import { ManifestReader } from './manifest-reader.js';
import { sendManifest } from './manifests.js';
import { isRegistryPath, parsePath, type ResourceKind } from './parse-path.js';
import { hostNameOf } from './public-address.js';
import { PullTeller } from './pull-teller.js';
import { putManifest } from './put-manifest.js';
import { listReferrers } from './referrers.js';
import type { RegistryDeps } from './registry-deps.js';
import { listTags } from './tags.js';
import { answerTokenGet, answerTokenPost } from './token.js';
import { beginUpload, cancelUpload, continueUpload, finishUpload, tellUpload } from './uploads.js';

/** Answers a request below /v2/, whatever comes of it; resolves when the answer has been sent or the client has gone. */
export type RegistryHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

type Methods<E> = Readonly<Record<string, (exchange: E) => Promise<void>>>;

/** What is asked of the registry as a whole. */
const SERVICE: Readonly<Partial<Record<ResourceKind, Methods<Exchange>>>> = {
  base: { GET: answerBase, HEAD: answerBase },
  catalog: { GET: listRepositories, HEAD: listRepositories },
  token: { GET: answerTokenGet, POST: answerTokenPost },
};

/** What is asked of one repository. */
const REPOSITORY: Readonly<Partial<Record<ResourceKind, Methods<RepositoryExchange>>>> = {
  manifest: { GET: sendManifest, HEAD: sendManifest, PUT: putManifest, DELETE: deleteManifest },
  blob: { GET: sendBlob, HEAD: sendBlob, DELETE: deleteBlob },
  uploads: { POST: beginUpload },
  upload: { GET: tellUpload, HEAD: tellUpload, PATCH: continueUpload, PUT: finishUpload, DELETE: cancelUpload },
  tags: { GET: listTags, HEAD: listTags },
  referrers: { GET: listReferrers, HEAD: listReferrers },
};

/** Our own registry (OCI distribution specification 1.1). */
export function createRegistry(deps: RegistryDeps): RegistryHandler {
  const parts: RegistryParts = {
    deps,
    tokens: new AccessTokens({ keyFile: deps.layout.registryKey, clock: () => deps.clock() }),
    manifests: new ManifestReader(deps),
    pulls: new PullTeller((pull) => deps.onPull(pull)),
  };
  return async (request, response) => {
    try {
      await answer(parts, request, response);
    } catch (error) {
      await sendError(deps.log, { request, response }, error);
    }
  };
}

/** Whether the registry answers a request with this target. */
export function isRegistryTarget(target: string | undefined): boolean {
  const split = splitTarget(target ?? '');
  return split !== undefined && isRegistryPath(split.pathname);
}

async function answer(parts: RegistryParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, query } = splitTarget(request.url ?? '') ?? { pathname: '', query: '' };
  const path = parsePath(pathname);
  const exchange: Exchange = { parts, request, response, path, query: new URLSearchParams(query) };
  const service = SERVICE[path.kind];
  if (service) return methodOf(service, request)(exchange);
  const act = methodOf(REPOSITORY[path.kind] ?? {}, request);
  const namespace = exchange.query.get('ns');
  const place = resolvePlace(parts.deps.settings(), { name: path.name, host: hostNameOf(request), namespace });
  return act({ ...exchange, place, caller: await authenticate(exchange) });
}

/** @throws OciError UNSUPPORTED (RFC 9110 section 15.5.6) */
function methodOf<E>(methods: Methods<E>, { method = '' }: IncomingMessage): (exchange: E) => Promise<void> {
  const act = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (act) return act;
  throw new OciError('UNSUPPORTED', {
    message: `this path does not know ${method}`,
    headers: { Allow: Object.keys(methods).join(', ') },
  });
}
