import { createTask } from 'node-cron';
import type { Schedule } from '../../core/schedule.js';

/**
 * When a mirror is due next, milliseconds since the epoch, or null when only a person starts it.
 * `jitter` is the most that is added, in seconds; `random` gives 0 to 1. node-cron counts from the machine's own clock.
 */
export function nextDue(schedule: Schedule, now: number, jitter: number, random: () => number): number | null {
  const due = withoutJitter(schedule, now);
  return due === null ? null : due + Math.floor(random() * jitter * 1000);
}

function withoutJitter(schedule: Schedule, now: number): number | null {
  switch (schedule.kind) {
    case 'manual':
      return null;
    case 'every':
      return now + schedule.seconds * 1000;
    case 'cron': {
      const task = createTask(schedule.expression, () => undefined, { timezone: schedule.timezone });
      try {
        return task.getNextRuns(1)[0]?.getTime() ?? null;
      } finally {
        void task.destroy(); // node-cron keeps every task until then
      }
    }
  }
}
