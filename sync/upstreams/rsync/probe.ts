import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../../core/errors.js';
import type { ProbeRequest, ProbeResult } from '../tree-upstream.js';
import { probeArguments } from './arguments.js';
import { failureOf } from './exit-codes.js';
import { runRsync } from './rsync.js';

const PROBE_TIMEOUT_MS = 120_000;

/** Fetches one small file of the upstream, its marker, into an empty folder and returns its bytes. */
export async function probe(request: ProbeRequest): Promise<ProbeResult> {
  const end = await runRsync(request, probeArguments(request, request.path, request.folder), {
    timeoutMs: PROBE_TIMEOUT_MS,
  });
  if (end.endedBecause !== null)
    return {
      ok: false,
      failure: 'timeout',
      message: `Upstream did not hand out its marker: ${end.endedBecause}.`,
      exitCode: end.code,
    };
  if (end.code !== 0 && !isMissing(end.code, end.stderr)) return { ok: false, ...failureOf(end), exitCode: end.code };
  try {
    return { ok: true, content: await readFile(join(request.folder, 'marker')) };
  } catch (error) {
    // too large, or not a file: upstream has no marker of that name
    if (systemCode(error) === 'ENOENT') return { ok: true, content: null };
    throw error;
  }
}

function isMissing(code: number | null, stderr: string): boolean {
  return code === 23 && /No such file or directory|Not a directory/.test(stderr);
}
