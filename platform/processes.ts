import { readFileSync, readlinkSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { MillpondError } from '../core/errors.js';

/**
 * Pids of all processes that were started with `variable=value` in their environment, but for this one and
 * those that started it (Linux /proc).
 */
export async function processesWithEnvironment(variable: string, value: string): Promise<number[]> {
  const own = await ancestry();
  const wanted = `${variable}=${value}`;
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number);
  const matches = await Promise.all(
    pids.map(async (pid) => {
      if (own.has(pid)) return false;
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      return environment.split('\0').includes(wanted);
    }),
  );
  return pids.filter((_, index) => matches[index]);
}

/** This process, its parent, and so on. */
async function ancestry(): Promise<Set<number>> {
  const found = new Set([process.pid]);
  for (let pid = process.ppid; pid > 1 && !found.has(pid);) {
    found.add(pid);
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    pid = Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
  }
  return found;
}

/** How long a process may take to vanish after KILL; one that hangs in the kernel (a dead disk) never does. */
const KILL_TAKES_MS = 10_000;

/**
 * Ends processes that are not our children: TERM, after `graceMs` KILL. Resolves when `find` finds none of them.
 * @throws MillpondError unavailable, when even KILL does not end them
 */
export async function endProcesses(find: () => Promise<number[]>, graceMs: number): Promise<number[]> {
  const ended = new Set<number>();
  const deadline = Date.now() + graceMs;
  for (;;) {
    const pids = await find();
    if (pids.length === 0) return [...ended];
    if (Date.now() >= deadline + KILL_TAKES_MS)
      throw new MillpondError('unavailable', `processes of an earlier program cannot be ended: ${pids.join(', ')}`, {
        hint: 'They may hang on a disk that does not answer, or belong to another user. End them, and start again.',
      });
    for (const pid of pids) {
      const known = ended.has(pid);
      ended.add(pid);
      if (Date.now() >= deadline) signal(pid, 'SIGKILL');
      else if (!known) signal(pid, 'SIGTERM');
    }
    await delay(50);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // ESRCH: it has ended by itself
  }
}

/**
 * Bytes that a process and its descendants have read and written so far, sockets and pipes included
 * (`rchar` and `wchar` of /proc/PID/io, proc(5)). Processes that have ended no longer count.
 */
export async function bytesMovedBy(pid: number): Promise<number> {
  const io = await readFile(`/proc/${pid}/io`, 'utf8').catch(() => '');
  const own = [...io.matchAll(/^[rw]char: (\d+)$/gm)].reduce((sum, match) => sum + Number(match[1]), 0);
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const below = await Promise.all(children.split(' ').filter(Boolean).map(Number).map(bytesMovedBy));
  return below.reduce((sum, bytes) => sum + bytes, own);
}

/** Pids of what a process has started and what still runs, in the order of their start. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // it is gone
  }
}

/** The folder that a process is in, links resolved; null when it is gone or belongs to somebody else. */
export function folderOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}

/** Ends a process that was just seen to be a child of ours, at once. */
export function killNow(pid: number): void {
  signal(pid, 'SIGKILL');
}
