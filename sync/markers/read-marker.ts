import { mkdir, rm } from 'node:fs/promises';
import type { FailureClass } from '../../core/failure.js';
import { LARGEST_MARKER, readMarker, type Marker, type MarkerFile } from '../../core/marker.js';
import type { MarkerRule } from '../../core/mirror.js';
import { HttpFailure, type HttpFault } from '../../platform/http-client.js';
import type { WebFiles } from '../../platform/web-files.js';
import type { Failure, TreeUpstream, UpstreamRequest } from '../upstreams/tree-upstream.js';

/** What was read: a marker and the path or address that it was found at; null where there is none. */
export type MarkerResult = { readonly ok: true; readonly marker: Marker | null; readonly at: string } | Failure;

export interface MarkerReader {
  readonly source: TreeUpstream;
  readonly web: WebFiles;
  /** A folder of this reading alone, to receive files. */
  readonly folder: string;
}

/** What is told where there is none at `at`. */
export function noMarker(at: string): string {
  return `Upstream has no marker ${at}.`;
}

/** Reads the marker of the upstream that the mirror is fetched from, over its transport or at `rule.url`. */
export async function readDirectMarker(
  rule: MarkerRule,
  request: UpstreamRequest,
  reader: MarkerReader,
): Promise<MarkerResult> {
  if (rule.url !== null) return readWebMarker(rule, rule.url, { ...reader, signal: request.signal });
  return firstOf(rule, rule.paths, (path) => readOver(rule, path, request, reader));
}

/** Reads the marker at `url`: below it where it is a folder, else the very file. */
export async function readWebMarker(
  rule: MarkerRule,
  url: string,
  { web, signal }: { web: WebFiles; signal: AbortSignal },
): Promise<MarkerResult> {
  const addresses = url.endsWith('/') ? rule.paths.map((path) => `${url}${encodeURI(path)}`) : [url];
  const method = rule.parser === 'last-modified' ? 'HEAD' : 'GET';
  return firstOf(rule, addresses, async (address) => {
    try {
      return { ok: true, file: await web.read(new URL(address), { method, largest: LARGEST_MARKER, signal }) };
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error;
      const message = `The marker cannot be read over HTTP: ${error.message}.`;
      return { ok: false, failure: CLASSES[error.fault], message, exitCode: null };
    }
  });
}

const CLASSES: Readonly<Record<HttpFault, FailureClass>> = {
  ...{ dns: 'dns', connect: 'connect', timeout: 'timeout' },
  ...{ certificate: 'refused', 'private-address': 'refused', protocol: 'refused' },
};

type FileResult = { readonly ok: true; readonly file: MarkerFile | null } | Failure;

/** The marker at the first of the places where there is one. */
async function firstOf(
  rule: MarkerRule,
  places: readonly string[],
  read: (place: string) => Promise<FileResult>,
): Promise<MarkerResult> {
  for (const place of places) {
    const result = await read(place);
    if (!result.ok) return result;
    if (result.file === null) continue;
    const marker = readMarker(result.file, rule);
    // nothing else of it is compared
    if (rule.parser === 'last-modified' && marker.time === null)
      return { ok: false, failure: 'refused', message: `Nothing tells when ${place} was changed.`, exitCode: null };
    return { ok: true, marker, at: place };
  }
  return { ok: true, marker: null, at: places.join(', ') };
}

async function readOver(
  rule: MarkerRule,
  path: string,
  request: UpstreamRequest,
  { source, folder }: MarkerReader,
): Promise<FileResult> {
  if (rule.parser === 'last-modified') return timeOf(path, request, source);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const result = await source.probe({ ...request, path, folder });
  if (!result.ok) return result;
  return { ok: true, file: result.content === null ? null : result };
}

/** When the file was changed, from a listing: it may be far too large to be fetched for that. */
async function timeOf(path: string, request: UpstreamRequest, source: TreeUpstream): Promise<FileResult> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const result = await source.list({ ...request, folder: path.slice(0, -name.length), patterns: [name] });
  if (!result.ok) return result;
  const [found] = result.files;
  return { ok: true, file: found ? { content: Buffer.alloc(0), modifiedAt: found.modifiedAt } : null };
}
