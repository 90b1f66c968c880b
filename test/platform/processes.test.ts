import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../platform/package-root.js';
import { bytesMovedBy, endProcesses, processesWithEnvironment } from '../../platform/processes.js';

function start(script: string, env: Record<string, string> = {}): ChildProcess & { pid: number } {
  const child = spawn('sh', ['-c', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], ...env },
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('no sh');
  onTestFinished(() => {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // it has ended, as it should have
    }
  });
  return Object.assign(child, { pid });
}

const ready = (child: ChildProcess): Promise<unknown> => once(child.stdout as NodeJS.ReadableStream, 'data');

describe('processesWithEnvironment', () => {
  test('finds exactly those that were started with the value, and what they have forked', async () => {
    const value = randomUUID();
    const ours = start('sleep 1000 & echo $!; wait', { MARK: value });
    const others = [
      start('echo x; sleep 1000', { MARK: `${value}x` }),
      start('echo x; sleep 1000', { OTHER: value }),
      start(`echo x; sleep 1000 # MARK=${value}`),
    ];
    const [[forked]] = (await Promise.all([ours, ...others].map(ready))) as [[Buffer]];
    const expected = [ours.pid, Number(forked.toString())].sort((a, b) => a - b);
    // the fork has the environment of the shell until it has become sleep, and after
    expect((await processesWithEnvironment('MARK', value)).sort((a, b) => a - b)).toEqual(expected);
    expect(await processesWithEnvironment('MARK', 'nobody')).toEqual([]);
  });
});

describe('endProcesses', () => {
  test('ends those that heed TERM, and kills the others', async () => {
    const value = randomUUID();
    const meek = start(`trap 'exit 0' TERM; echo x; while :; do sleep 0.1; done`, { MARK: value });
    const stubborn = start(`trap '' TERM; echo x; while :; do sleep 0.1; done`, { MARK: value });
    const exits = [once(meek, 'exit'), once(stubborn, 'exit')];
    await Promise.all([ready(meek), ready(stubborn)]);
    const ended = await endProcesses(() => processesWithEnvironment('MARK', value), 300);
    expect(ended).toEqual(expect.arrayContaining([meek.pid, stubborn.pid]));
    expect(await Promise.all(exits)).toEqual([
      [0, null],
      [null, 'SIGKILL'],
    ]);
  });

  test('has nothing to do when there are none', async () => {
    expect(await endProcesses(() => Promise.resolve([]), 0)).toEqual([]);
  });
});

describe('bytesMovedBy', () => {
  test('grows while a process, or one that it has forked, moves bytes', async () => {
    const busy = start('echo x; cat /dev/zero > /dev/null & wait');
    await ready(busy);
    const first = await bytesMovedBy(busy.pid);
    await expect.poll(() => bytesMovedBy(busy.pid)).toBeGreaterThan(first + 10_000_000);
  });

  test('stands still for a process that waits', async () => {
    const child = start('echo x; exec sleep 1000');
    await ready(child);
    await expect.poll(async () => (await bytesMovedBy(child.pid)) === (await bytesMovedBy(child.pid))).toBe(true);
    expect(await bytesMovedBy(child.pid)).toBeGreaterThan(0);
  });

  test('is nothing for a process that is gone', async () => {
    const child = start('exit 0');
    await once(child, 'exit');
    expect(await bytesMovedBy(child.pid)).toBe(0);
  });
});

test('processesWithEnvironment leaves out the processes that started this one', async () => {
  const value = randomUUID();
  const script = `
    import { processesWithEnvironment } from ${JSON.stringify(join(PACKAGE_ROOT, 'dist', 'platform', 'processes.js'))};
    console.log(JSON.stringify(await processesWithEnvironment('MARK', '${value}')));`;
  // a shell that waits, as that of npm does
  const child = start(`"${process.execPath}" --input-type=module -e "$SCRIPT"; :`, { MARK: value, SCRIPT: script });
  const [printed] = (await ready(child)) as [Buffer];
  expect(printed.toString()).toBe('[]\n');
});
