import { isDigest } from '../../core/oci/digest.js';
import { OciError } from '../../core/oci/errors.js';
import { isRepositoryName, isTag } from '../../core/oci/names.js';

export type ResourceKind =
  | 'base'
  | 'catalog'
  | 'token'
  | 'manifest'
  | 'blob'
  | 'uploads' // where one begins
  | 'upload' // one that has begun
  | 'tags'
  | 'referrers';

/** What a path below /v2/ names. Both parts are valid: what is not was refused. */
export interface RegistryPath {
  readonly kind: ResourceKind;
  /** The repository, as the client wrote it; empty where none belongs to the kind. */
  readonly name: string;
  /** A tag or digest of a manifest, the digest of a blob or of a subject, the id of an upload; else empty. */
  readonly reference: string;
}

const ROOT = '/v2';
const UPLOAD_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const FIXED: Readonly<Record<string, ResourceKind>> = { '': 'base', _catalog: 'catalog', token: 'token' };

/** Whether the registry answers this path, which is still encoded. */
export function isRegistryPath(pathname: string): boolean {
  return pathname === ROOT || pathname.startsWith(`${ROOT}/`);
}

/**
 * Reads an encoded path (OCI distribution specification 1.1, "Endpoints"). Names of repositories may hold `blobs`,
 * `manifests` and the like: what comes last decides.
 * @throws OciError NAME_INVALID, NAME_UNKNOWN (none of the API), DIGEST_INVALID, TAG_INVALID, BLOB_UPLOAD_UNKNOWN
 */
export function parsePath(pathname: string): RegistryPath {
  const rest = decode(pathname.slice(ROOT.length + 1));
  const fixed = Object.hasOwn(FIXED, rest) ? FIXED[rest] : undefined;
  if (fixed) return { kind: fixed, name: '', reference: '' };
  const segments = rest.split('/');
  const last = segments.pop() ?? '';
  const before = segments.pop() ?? '';
  if (before === 'blobs' && last === 'uploads') return { ...nameOf(segments), kind: 'uploads', reference: '' };
  if (before === 'uploads' && segments.at(-1) === 'blobs') {
    const name = nameOf(segments.slice(0, -1));
    return last === '' ? { ...name, kind: 'uploads', reference: '' } : { ...name, ...uploadOf(last) };
  }
  if (before === 'tags' && last === 'list') return { ...nameOf(segments), kind: 'tags', reference: '' };
  if (before === 'manifests') return { ...nameOf(segments), kind: 'manifest', reference: referenceOf(last) };
  if (before === 'blobs') return { ...nameOf(segments), kind: 'blob', reference: digestIn(last) };
  if (before === 'referrers') return { ...nameOf(segments), kind: 'referrers', reference: digestIn(last) };
  throw new OciError('NAME_UNKNOWN', { message: 'the API of a registry has no such path' });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new OciError('NAME_INVALID', { message: 'the path is not encoded as it must be', cause });
  }
}

function nameOf(segments: readonly string[]): { name: string } {
  const name = segments.join('/');
  if (!isRepositoryName(name)) throw new OciError('NAME_INVALID');
  return { name };
}

function uploadOf(id: string): { kind: 'upload'; reference: string } {
  if (!UPLOAD_ID.test(id)) throw new OciError('BLOB_UPLOAD_UNKNOWN');
  return { kind: 'upload', reference: id };
}

function referenceOf(text: string): string {
  if (text.includes(':')) return digestIn(text);
  if (!isTag(text)) throw new OciError('TAG_INVALID');
  return text;
}

/** @throws OciError DIGEST_INVALID */
export function digestIn(text: string): string {
  if (!isDigest(text)) throw new OciError('DIGEST_INVALID', { message: 'this is not a digest of sha256 or sha512' });
  return text;
}
