import { readFile } from 'node:fs/promises';
import { MillpondError } from '../../core/errors.js';
import { endProcesses, processesWithEnvironment } from '../../platform/processes.js';

/** In the environment of a daemon: the folder that it runs for, and the pid of the program that started it. */
export const DAEMON_MARK = 'MILLPOND_RSYNCD';
export const OWNER_MARK = 'MILLPOND_RSYNCD_OWNER';

/**
 * Ends the daemon for `runFolder`, and its transfers, whose program was killed.
 * @throws MillpondError conflict when that program is still running
 */
export async function endLeftOvers(runFolder: string): Promise<void> {
  const find = () => processesWithEnvironment(DAEMON_MARK, runFolder);
  for (const pid of await find()) {
    if (!(await hasItsOwner(pid))) continue;
    throw new MillpondError('conflict', `an rsync daemon for "${runFolder}" is already running (process ${pid})`, {
      hint: 'End the other Millpond first, or use another data folder.',
    });
  }
  await endProcesses(find, 2000);
}

/** A child of the program that started it; the kernel gives the child of a killed program to another one. */
async function hasItsOwner(pid: number): Promise<boolean> {
  const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const parent = /^PPid:\t(\d+)$/m.exec(status)?.[1];
  return parent !== undefined && environment.split('\0').includes(`${OWNER_MARK}=${parent}`);
}
