import { parseUpstream } from '../../../core/upstream.js';
import type { Failure, FolderRequest } from '../tree-upstream.js';
import { filters } from './arguments.js';
import { failureOf } from './exit-codes.js';
import { runRsync } from './rsync.js';

/** Copies the folders that the filters let through: only rsync knows what its patterns mean. */
export async function copyFolders(request: FolderRequest): Promise<{ readonly ok: true } | Failure> {
  const { mirror, stage, from, to } = request;
  const upstream = parseUpstream(`${from}/`);
  const args = ['--recursive', ...filters(mirror, stage), '--', `${from}/`, `${to}/`];
  const end = await runRsync({ ...request, upstream, knownHosts: '' }, args, {});
  if (end.code === 0) return { ok: true };
  return { ok: false, ...failureOf(end), exitCode: end.code };
}
