export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

/** Schema 1 is refused: clients still list it in Accept, and nobody verifies its signatures any more. */
const SCHEMA_1: ReadonlySet<string> = new Set([
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
]);
const INDEXES: ReadonlySet<string> = new Set([OCI_INDEX, DOCKER_LIST]);
const MANIFESTS: ReadonlySet<string> = new Set([OCI_MANIFEST, DOCKER_MANIFEST]);

/** What is sent as Accept when a manifest is asked for. */
export const MANIFEST_ACCEPT = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST].join(', ');

/** The media type of a Content-Type field: lower case, without parameters (RFC 9110 section 8.3.1). */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

export function isIndexType(mediaType: string): boolean {
  return INDEXES.has(mediaType);
}

export function isManifestType(mediaType: string): boolean {
  return MANIFESTS.has(mediaType) || INDEXES.has(mediaType);
}

export function isSchema1(mediaType: string): boolean {
  return SCHEMA_1.has(mediaType);
}

/** Layers that are not to be distributed: they may be missing (image specification, "Non-Distributable Layers"). */
export function isForeignLayer(mediaType: string): boolean {
  return mediaType.includes('.nondistributable.') || mediaType.includes('.foreign.');
}
