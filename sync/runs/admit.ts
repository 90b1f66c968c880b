import { mkdir, stat } from 'node:fs/promises';
import type { Upstream } from '../../core/upstream.js';
import { formatBytes } from '../../core/units.js';
import { diskSpace, reserveBytes } from '../../platform/disk-space.js';
import type { RunContext, TreeRunContext } from './run-context.js';
import { RunFailure } from './run-failure.js';
import { upstreamRequest } from './upstream-request.js';

const RUNS_LOOKED_AT = 5;

/**
 * Refuses a run that the disk has no room for: the reserve must stay free, and what the run will bring must fit above
 * it. That is `expected`, in bytes, where somebody knows it, else what runs of this mirror usually bring.
 * @throws RunFailure disk-full
 */
export async function admit(context: RunContext, expected: number | null = null): Promise<void> {
  const { settings, layout, mirror, keeper } = context;
  const target = layout.target(mirror);
  await mkdir(target, { recursive: true });
  const disk = await diskSpace(target);
  const reserve = reserveBytes(settings.sync.reserve, disk);
  const estimate = expected ?? usualBytes(context);
  if (disk.free - estimate >= reserve) return;
  if (await keeper.makeRoom(target, reserve + estimate)) return;
  throw new RunFailure(
    'disk-full',
    `${formatBytes(disk.free)} are free; ${mirror.name} ${expected === null ? 'usually brings' : 'would bring'} ` +
      `${formatBytes(estimate)}, and ` +
      `${formatBytes(reserve)} are kept in reserve (sync.reserve).`,
  );
}

/**
 * Bytes that the first run of a mirror will bring, as upstream's list tells; null of any other run, since those cost
 * little beside what is there. The list is got once more for this. @throws RunFailure
 */
export async function firstBytes(context: TreeRunContext, upstream: Upstream): Promise<number | null> {
  const { mirror, store, layout, source, log, signal } = context;
  const destination = layout.slot(mirror.name, 'a');
  if (store.generations.live(mirror.name) || (await stat(destination).catch(() => null))) return null;
  let most = 0;
  for (const stage of mirror.stages) {
    const result = await source.pull({
      ...upstreamRequest(context, upstream),
      ...{
        stage,
        destination,
        filesFrom: null,
        onlyCount: true,
        knownFiles: null,
        changes: '/dev/null',
        inPlace: false,
      },
      ...{ temporary: layout.partial(mirror.name), bandwidth: null },
      onProgress: () => undefined,
      onActivity: () => context.tell.activity(),
    });
    signal.throwIfAborted();
    if (!result.ok) throw new RunFailure(result.failure, result.message, result.exitCode);
    // a later stage tells of what earlier ones would have brought as well
    most = Math.max(most, result.numbers.transferredBytes);
  }
  log.write(`The first run brings about ${formatBytes(most)}.`);
  return most;
}

/** The middle one of what the last runs transferred. The first run of all tells nothing about the next. */
function usualBytes({ store, mirror }: RunContext): number {
  const sizes = store.runs
    .ended(mirror.name, RUNS_LOOKED_AT + 1)
    .filter((run) => run.outcome === 'updated' && run.numbers.transferredBytes < run.numbers.totalBytes)
    .map((run) => run.numbers.transferredBytes)
    .sort((a, b) => a - b);
  return sizes[Math.floor(sizes.length / 2)] ?? 0;
}
