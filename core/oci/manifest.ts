import { isDigest, type Digest } from './digest.js';
import { OciError } from './errors.js';
import {
  isForeignLayer,
  isIndexType,
  isManifestType,
  isSchema1,
  mediaTypeOf,
  OCI_INDEX,
  OCI_MANIFEST,
} from './media-types.js';
import type { Platform } from './platform.js';

/** Clients refuse larger ones (containerd and containers/image: 4 MiB). Bytes. */
export const LARGEST_MANIFEST = 4 * 1024 * 1024;
/** More parts than any image has; bounds the work that one manifest can cause. */
const MOST_PARTS = 10_000;
/** More of them are not recorded: lists of referrers repeat the annotations of each. */
export const MOST_ANNOTATION_CHARACTERS = 64 * 1024;

/** What a manifest says of something that it names (OCI image specification, "Content Descriptors"). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface Part extends Descriptor {
  /** `config` and `layer` are blobs, `manifest` is another manifest. */
  readonly role: 'config' | 'layer' | 'manifest';
  /** Of a manifest in an index, where it is given. */
  readonly platform: Platform | null;
  /** A layer that may be missing, since its `urls` lead elsewhere. */
  readonly foreign: boolean;
}

export interface Manifest {
  readonly mediaType: string;
  readonly isIndex: boolean;
  readonly parts: readonly Part[];
  /** What it is about; that need not exist here. */
  readonly subject: Descriptor | null;
  /** As the referrers API tells it: that of the manifest, else the type of its configuration; null of an index. */
  readonly artifactType: string | null;
  readonly annotations: Readonly<Record<string, string>> | null;
}

/**
 * Reads the bytes of a manifest of the type that came with it.
 * @throws OciError MANIFEST_INVALID: not JSON, not of that type, a descriptor that is none; 415 for schema 1
 */
export function parseManifest(bytes: Buffer, contentType: string | undefined): Manifest {
  const mediaType = mediaTypeOf(contentType);
  if (isSchema1(mediaType)) throw invalid('manifests of schema 1 are not stored: push the image anew as schema 2', 415);
  if (!isManifestType(mediaType)) throw invalid(`"${mediaType}" is not the type of a manifest`, 415);
  const json = readObject(bytes);
  if (json['schemaVersion'] !== 2) throw invalid('schemaVersion must be 2');
  const own = json['mediaType'];
  if (own !== undefined && own !== mediaType)
    throw invalid(`mediaType is ${JSON.stringify(own)}, but the Content-Type was "${mediaType}"`);
  const isIndex = isIndexType(mediaType);
  // one that is both could be taken for either (image specification, "Ambiguous document", CVE-2021-41190)
  if (isIndex ? 'layers' in json || 'config' in json : 'manifests' in json)
    throw invalid('it has members of an index and of an image manifest');
  const parts = isIndex ? indexParts(json) : imageParts(json);
  if (parts.length > MOST_PARTS) throw invalid(`it names more than ${MOST_PARTS} parts`);
  const subject = json['subject'] === undefined ? null : descriptor(json['subject'], 'subject');
  if (subject && mediaType !== OCI_INDEX && mediaType !== OCI_MANIFEST)
    throw invalid('a Docker manifest has no subject');
  const configType = parts.find(({ role }) => role === 'config')?.mediaType ?? null;
  const artifactType =
    typeof json['artifactType'] === 'string' && json['artifactType'] ? json['artifactType'] : configType;
  return { mediaType, isIndex, parts, subject, artifactType, annotations: annotationsOf(json) };
}

function readObject(bytes: Buffer): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new OciError('MANIFEST_INVALID', { message: 'the manifest is not JSON', cause });
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalid('it is not a JSON object');
  return json as Record<string, unknown>;
}

function indexParts(json: Record<string, unknown>): Part[] {
  return listOf(json, 'manifests').map((entry, index): Part => {
    const found = descriptor(entry, `manifests[${index}]`);
    return { ...found, role: 'manifest', platform: platformOf(entry), foreign: false };
  });
}

function imageParts(json: Record<string, unknown>): Part[] {
  const config: Part = { ...descriptor(json['config'], 'config'), role: 'config', platform: null, foreign: false };
  const layers = listOf(json, 'layers').map((entry, index): Part => {
    const found = descriptor(entry, `layers[${index}]`);
    return { ...found, role: 'layer', platform: null, foreign: isForeignLayer(found.mediaType) };
  });
  return [config, ...layers];
}

function listOf(json: Record<string, unknown>, name: string): unknown[] {
  const list = json[name];
  if (!Array.isArray(list)) throw invalid(`${name} is not a list`);
  return list as unknown[];
}

function descriptor(value: unknown, where: string): Descriptor {
  if (typeof value !== 'object' || value === null) throw invalid(`${where} is not a descriptor`);
  const { mediaType, digest, size } = value as Record<string, unknown>;
  if (typeof mediaType !== 'string' || mediaType.length > 255) throw invalid(`${where}.mediaType is not a media type`);
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalid(`${where}.digest is not a digest`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw invalid(`${where}.size is not a size`);
  return { mediaType, digest, size };
}

function platformOf(entry: unknown): Platform | null {
  const platform = (entry as { platform?: unknown }).platform;
  if (typeof platform !== 'object' || platform === null) return null;
  const { os, architecture, variant } = platform as Record<string, unknown>;
  if (typeof os !== 'string' || typeof architecture !== 'string') return null;
  return { os, architecture, variant: typeof variant === 'string' ? variant : '' };
}

function annotationsOf(json: Record<string, unknown>): Manifest['annotations'] {
  const found = json['annotations'];
  if (typeof found !== 'object' || found === null || Array.isArray(found)) return null;
  const entries = Object.entries(found).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  const length = entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  return length > MOST_ANNOTATION_CHARACTERS ? null : Object.fromEntries(entries);
}

function invalid(message: string, status?: number): OciError {
  return new OciError('MANIFEST_INVALID', {
    message: `the manifest is refused: ${message}`,
    ...(status ? { status } : {}),
  });
}
