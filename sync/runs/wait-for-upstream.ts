import { setTimeout as delay } from 'node:timers/promises';
import type { WaitRule } from '../../core/mirror.js';
import { formatDuration } from '../../core/units.js';
import type { Upstream } from '../../core/upstream.js';
import type { TreeRunContext } from './run-context.js';
import { RunFailure } from './run-failure.js';
import { upstreamRequest } from './upstream-request.js';

/**
 * Waits while the upstream is in the middle of an update, as its own files tell. Whether there was anything to wait for.
 * @throws RunFailure `updating` when it still is at the last look, or when the upstream cannot be asked
 */
export async function waitForUpstream(context: TreeRunContext, upstream: Upstream): Promise<boolean> {
  const { log, tell, signal } = context;
  const rule = context.mirror.waitWhile;
  if (!rule) return false;
  for (let look = 1; ; look++) {
    const found = await updateUnderWay(context, upstream, rule);
    if (found === null) return look > 1;
    const pause = formatDuration(rule.pause);
    if (look >= rule.tries) {
      const looks = rule.tries === 1 ? 'at the only look' : `at ${rule.tries} looks, ${pause} apart`;
      throw new RunFailure('updating', `Upstream is in the middle of an update: "${found}" was there ${looks}.`);
    }
    log.write(`Upstream is in the middle of an update ("${found}" is there); the next look is in ${pause}.`);
    tell.phase('wait');
    await delay(rule.pause * 1000, undefined, { signal });
  }
}

/** The path of the first file that tells of an update, or null. */
async function updateUnderWay(context: TreeRunContext, upstream: Upstream, rule: WaitRule): Promise<string | null> {
  for (const [folder, patterns] of byFolder(rule.files)) {
    const result = await context.source.list({ ...upstreamRequest(context, upstream), folder, patterns });
    context.signal.throwIfAborted();
    if (!result.ok) throw new RunFailure(result.failure, result.message, result.exitCode);
    const [first] = result.files;
    if (first) return `${folder}${first.name}`;
  }
  return null;
}

function byFolder(files: readonly string[]): Map<string, string[]> {
  const folders = new Map<string, string[]>();
  for (const file of files) {
    const end = file.lastIndexOf('/') + 1;
    const folder = file.slice(0, end);
    folders.set(folder, [...(folders.get(folder) ?? []), file.slice(end)]);
  }
  return folders;
}
