import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../../core/errors.js';
import { LARGEST_MARKER } from '../../../core/marker.js';
import type { FetchRequest, FetchResult, ProbeRequest, ProbeResult } from '../tree-upstream.js';
import { fetchArguments } from './arguments.js';
import { failureOf, isMissing } from './exit-codes.js';
import { runRsync } from './rsync.js';

export const PROBE_TIMEOUT_MS = 120_000;

/** Fetches one small file of the upstream, its marker, into an empty folder and returns its bytes. */
export async function probe(request: ProbeRequest): Promise<ProbeResult> {
  const file = join(request.folder, 'marker');
  const result = await fetchWithin({ ...request, target: file, largest: LARGEST_MARKER }, PROBE_TIMEOUT_MS);
  if (!result.ok) return result;
  try {
    return { ok: true, content: await readFile(file), modifiedAt: (await stat(file)).mtimeMs };
  } catch (error) {
    // too large, or not a file: upstream has no marker of that name
    if (systemCode(error) === 'ENOENT') return { ok: true, content: null };
    throw error;
  }
}

/** Fetches one file of the upstream; it is not `found` when there is none, or one that is too large. */
export async function fetch(request: FetchRequest): Promise<FetchResult> {
  const result = await fetchWithin(request, null);
  if (!result.ok || !result.found) return result;
  const found = await stat(request.target).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
  });
  return { ok: true, found: found?.isFile() ?? false };
}

async function fetchWithin(request: FetchRequest, timeoutMs: number | null): Promise<FetchResult> {
  const end = await runRsync(request, fetchArguments(request, request), timeoutMs === null ? {} : { timeoutMs });
  if (end.endedBecause !== null) {
    const message = `Upstream did not hand out ${request.path}: ${end.endedBecause}.`;
    return { ok: false, failure: 'timeout', message, exitCode: end.code };
  }
  if (end.code === 0) return { ok: true, found: true };
  if (isMissing(end)) return { ok: true, found: false };
  return { ok: false, ...failureOf(end), exitCode: end.code };
}
