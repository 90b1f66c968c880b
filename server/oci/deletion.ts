import { isDigest } from '../../core/oci/digest.js';
import { OciError } from '../../core/oci/errors.js';
import { requireWrite } from './authorize.js';
import { sendEmpty, type RepositoryExchange } from './exchange.js';
import { requireOwn } from './own-repository.js';
import { refuseImmutable } from './put-manifest.js';
import { unknownBlob, unknownManifest } from './unknown.js';

/**
 * DELETE /v2/<name>/manifests/<reference>: a tag alone, or by digest a manifest with all its tags. Bytes stay until they
 * are collected.
 * @throws OciError UNSUPPORTED, UNAUTHORIZED, DENIED (an immutable tag), MANIFEST_UNKNOWN, NAME_UNKNOWN
 */
export async function deleteManifest(exchange: RepositoryExchange): Promise<void> {
  const { parts, path, place } = exchange;
  const { store, clock } = parts.deps;
  requireOwn(exchange);
  requireWrite(exchange, 'delete');
  store.transaction(() => {
    const { repository } = place;
    const isManifest = isDigest(path.reference);
    const tags = isManifest ? store.tags.ofDigest(repository, path.reference) : [];
    const held =
      isManifest && store.repositories.holds(repository, path.reference) && store.manifests.get(path.reference);
    const names = isManifest ? tags.map(({ tag }) => tag) : [path.reference];
    if (!held && (isManifest || !store.tags.get(repository, path.reference)))
      throw unknownManifest(store, place, path.reference);
    for (const tag of names) refuseImmutable(exchange, tag, null);
    for (const tag of names) store.tags.remove(repository, tag, clock());
    if (isManifest) store.repositories.unlink(repository, path.reference);
  });
  await sendEmpty(exchange, 202, {});
}

/**
 * DELETE /v2/<name>/blobs/<digest>: the repository no longer has it. Not while one of its manifests needs it.
 * @throws OciError UNSUPPORTED, UNAUTHORIZED, DENIED, BLOB_UNKNOWN, NAME_UNKNOWN
 */
export async function deleteBlob(exchange: RepositoryExchange): Promise<void> {
  const { parts, path, place } = exchange;
  const { store } = parts.deps;
  requireOwn(exchange);
  requireWrite(exchange, 'delete');
  store.transaction(() => {
    if (!store.repositories.holds(place.repository, path.reference)) throw unknownBlob(store, place);
    if (store.manifests.get(path.reference))
      throw new OciError('UNSUPPORTED', { message: 'this is a manifest: delete it as such' });
    if (store.manifests.namedIn(place.repository, path.reference))
      throw new OciError('UNSUPPORTED', { message: 'a manifest in this repository names the blob: delete that first' });
    store.repositories.unlink(place.repository, path.reference);
  });
  await sendEmpty(exchange, 202, {});
}
