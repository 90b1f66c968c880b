import { MillpondError } from '../../core/errors.js';
import { runChild, type ChildOptions } from '../../platform/child.js';

/**
 * Runs a program that must succeed and returns what it printed (at most 64 MiB).
 * @throws MillpondError unavailable, with the last line that the program printed on stderr
 */
export async function runTool(
  file: string,
  args: readonly string[],
  options: Omit<ChildOptions, 'onStdout'> = {},
): Promise<Buffer> {
  const end = await runChild(file, args, { ...options, maxBytes: 64 * 1024 * 1024 });
  if (end.code === 0 && end.endedBecause === null) return end.stdout;
  const reason = end.endedBecause ?? end.stderr.trim().split('\n').at(-1) ?? '';
  const status = end.code === null ? `signal ${end.signal}` : `exit ${end.code}`;
  throw new MillpondError('unavailable', `the program "${file}" failed (${status}): ${reason}`);
}

/** Whether all of these programs can be started. */
export async function haveTools(files: readonly string[]): Promise<boolean> {
  try {
    await Promise.all(files.map((file) => runChild(file, ['--version'], { timeoutMs: 10_000 })));
    return true;
  } catch (error) {
    if (error instanceof MillpondError && error.code === 'unavailable') return false;
    throw error;
  }
}
