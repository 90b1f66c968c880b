import { mkdir } from 'node:fs/promises';
import { formatBytes } from '../../core/units.js';
import { diskSpace, reserveBytes } from '../../platform/disk-space.js';
import type { RunContext } from './run-context.js';
import { RunFailure } from './run-failure.js';

const RUNS_LOOKED_AT = 5;

/**
 * Refuses a run that the disk has no room for: the reserve must stay free, and what runs of this mirror usually
 * bring must fit above it.
 * @throws RunFailure disk-full
 */
export async function admit(context: RunContext): Promise<void> {
  const { settings, layout, mirror, keeper } = context;
  const target = layout.target(mirror);
  await mkdir(target, { recursive: true });
  const disk = await diskSpace(target);
  const reserve = reserveBytes(settings.sync.reserve, disk);
  const estimate = usualBytes(context);
  if (disk.free - estimate >= reserve) return;
  if (await keeper.makeRoom(target, reserve + estimate)) return;
  throw new RunFailure(
    'disk-full',
    `${formatBytes(disk.free)} are free; ${mirror.name} usually brings ${formatBytes(estimate)}, and ` +
      `${formatBytes(reserve)} are kept in reserve (sync.reserve).`,
  );
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
