import { formatBytes } from '../../core/units.js';
import { diskSpace, reserveBytes } from '../../platform/disk-space.js';
import type { RunContext } from './run-context.js';
import { RunFailure } from './run-failure.js';

const LOOK_EVERY_MS = 2_000;

/** Aborts its signal with a RunFailure as soon as a pull has used up what is not reserved of the disk, and none can be had. */
export function watchDisk(context: RunContext): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController();
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void lackOf(context)
      .then((message) => message !== null && controller.abort(new RunFailure('disk-full', message)))
      .catch(() => undefined) // a disk that does not answer fails the pull itself
      .finally(() => (looking = false));
  }, LOOK_EVERY_MS);
  return { signal: controller.signal, stop: () => clearInterval(timer) };
}

/** Why the pull must end, as a sentence; kept generations make room first. */
async function lackOf({ settings, layout, mirror, keeper }: RunContext): Promise<string | null> {
  const target = layout.target(mirror);
  const disk = await diskSpace(target);
  const reserve = reserveBytes(settings.sync.reserve, disk);
  if (disk.free >= reserve || (await keeper.makeRoom(target, reserve))) return null;
  return `The disk has ${formatBytes(disk.free)} left, under the ${formatBytes(reserve)} kept in reserve.`;
}
