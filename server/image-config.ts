import type { BlobStore } from '../content/blobs.js';
import type { Digest } from '../core/oci/digest.js';
import { shownText } from './shown-text.js';

/** What the configuration of an image says (OCI image specification, "Image Configuration"), cut to what can be shown. */
export interface ImageConfig {
  /** As it is written there, of any form. */
  readonly created: string | null;
  readonly author: string | null;
  readonly platform: string | null;
  readonly user: string | null;
  readonly workingDirectory: string | null;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
  /** Names alone: values may be what their owner did not mean to show. */
  readonly environment: readonly string[];
  readonly labels: readonly NamedText[];
  /** What made each layer, in the order of the layers. */
  readonly steps: readonly string[];
}

export interface NamedText {
  readonly name: string;
  readonly value: string;
}

/** A larger one is not read for a page. Bytes. */
export const LARGEST_CONFIG = 1024 * 1024;
const MOST_ENTRIES = 100;
const MOST_STEPS = 500;
const LONGEST_NAME = 120;
const LONGEST_TEXT = 400;

type Json = Readonly<Record<string, unknown>>;

/** Null where it is not here, too large, or none that can be read. */
export async function readImageConfig(blobs: BlobStore, digest: Digest): Promise<ImageConfig | null> {
  const record = blobs.find(digest);
  if (!record || record.size > LARGEST_CONFIG) return null;
  try {
    const json: unknown = JSON.parse((await blobs.read(digest)).toString('utf8'));
    return isObject(json) ? toConfig(json) : null;
  } catch {
    return null; // not JSON, or damaged, which the scrub finds and mends
  }
}

/** Names and texts out of a map of others, as they may be shown; at most a hundred. */
export function namedTexts(map: unknown): NamedText[] {
  if (!isObject(map)) return [];
  return Object.entries(map)
    .slice(0, MOST_ENTRIES)
    .map(([name, value]) => ({ name: shownText(name, LONGEST_NAME), value: textOf(value) ?? '' }));
}

function toConfig(json: Json): ImageConfig {
  const config = isObject(json['config']) ? json['config'] : {};
  return {
    created: textOf(json['created']),
    author: textOf(json['author']),
    platform: platformOf(json),
    user: textOf(config['User']),
    workingDirectory: textOf(config['WorkingDir']),
    entrypoint: textsOf(config['Entrypoint']),
    command: textsOf(config['Cmd']),
    ports: namesOf(config['ExposedPorts']),
    volumes: namesOf(config['Volumes']),
    environment: textsOf(config['Env']).map((text) => text.split('=', 1)[0] ?? ''),
    labels: namedTexts(config['Labels']),
    steps: stepsOf(json['history']),
  };
}

function platformOf(json: Json): string | null {
  const [os, architecture, variant] = ['os', 'architecture', 'variant'].map((name) => textOf(json[name]));
  return os && architecture ? [os, architecture, ...(variant ? [variant] : [])].join('/') : null;
}

/** Steps without a layer are left out, so that the rest stands beside the layers. */
function stepsOf(history: unknown): string[] {
  if (!Array.isArray(history)) return [];
  return history
    .slice(0, MOST_STEPS)
    .filter((step): step is Json => isObject(step) && step['empty_layer'] !== true)
    .map((step) => textOf(step['created_by']) ?? '');
}

function textsOf(list: unknown): string[] {
  const texts: unknown[] = typeof list === 'string' ? [list] : Array.isArray(list) ? list : [];
  return texts.slice(0, MOST_ENTRIES).flatMap((text) => textOf(text) ?? []);
}

function namesOf(map: unknown): string[] {
  return namedTexts(map).map(({ name }) => name);
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? shownText(value, LONGEST_TEXT) : null;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
