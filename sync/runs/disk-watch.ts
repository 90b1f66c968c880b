import { formatBytes } from '../../core/units.js';
import { diskSpace, reserveBytes } from '../../platform/disk-space.js';
import type { RunContext } from './run-context.js';
import { RunFailure } from './run-failure.js';

const LOOK_EVERY_MS = 2_000;

/** Aborts its signal with a RunFailure as soon as a pull has used up what is not reserved of the disk. */
export function watchDisk({ settings, layout, mirror }: RunContext): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController();
  const timer = setInterval(() => {
    void diskSpace(layout.target(mirror)).then(
      (disk) => {
        const reserve = reserveBytes(settings.sync.reserve, disk);
        if (disk.free >= reserve) return;
        const message = `The disk has ${formatBytes(disk.free)} left, under the ${formatBytes(reserve)} kept in reserve.`;
        controller.abort(new RunFailure('disk-full', message));
      },
      () => undefined, // a disk that does not answer fails the pull itself
    );
  }, LOOK_EVERY_MS);
  return { signal: controller.signal, stop: () => clearInterval(timer) };
}
