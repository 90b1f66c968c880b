import { isDigest } from '../../../core/oci/digest.js';
import type { Descriptor } from '../../../core/oci/manifest.js';

/** A manifest that is about another one: a signature, an attestation, a list of materials. */
export interface Referrer extends Descriptor {
  readonly artifactType: string | null;
  readonly annotations: Readonly<Record<string, string>> | null;
}

const LONGEST_TYPE = 255;

/** What an index of referrers names; entries that are no descriptors are left out. Null when it is no index. */
export function parseReferrers(bytes: Buffer): Referrer[] | null {
  const manifests = membersOf(bytes)['manifests'];
  return Array.isArray(manifests) ? manifests.flatMap((entry: unknown) => referrerOf(entry) ?? []) : null;
}

/** The tags of a page of a list, as they are; null when it is no such list. */
export function parseTagList(bytes: Buffer): unknown[] | null {
  const json = membersOf(bytes);
  // some registries write null for none
  return Array.isArray(json['tags']) ? json['tags'] : json['tags'] === null ? [] : null;
}

/** The type that a manifest says it has, where the header said nothing of use. */
export function ownMediaType(bytes: Buffer): string | null {
  const found = membersOf(bytes)['mediaType'];
  return typeof found === 'string' && found.length <= LONGEST_TYPE ? found : null;
}

function membersOf(bytes: Buffer): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function referrerOf(entry: unknown): Referrer | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { mediaType, digest, size, artifactType, annotations } = entry as Record<string, unknown>;
  if (typeof mediaType !== 'string' || mediaType.length > LONGEST_TYPE) return undefined;
  if (typeof digest !== 'string' || !isDigest(digest)) return undefined;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
  const type = typeof artifactType === 'string' && artifactType !== '' ? artifactType : null;
  return { mediaType, digest, size, artifactType: type, annotations: textsOf(annotations) };
}

function textsOf(value: unknown): Record<string, string> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
