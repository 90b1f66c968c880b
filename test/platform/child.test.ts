import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runChild, startChild, type Child, type ChildOptions } from '../../platform/child.js';
import { tempFolder } from '../fixtures/temp-folder.js';

/** Starts a shell script and collects what it prints. */
function shell(script: string, options: ChildOptions = {}): Child & { said: () => string } {
  let said = '';
  const child = startChild('sh', ['-c', script], { onStdout: (chunk) => (said += chunk.toString()), ...options });
  onTestFinished(async () => void (await child.end('the test is over', 0)));
  return { ...child, said: () => said };
}

/** Whether a process runs; one that has ended and was not waited for does not. */
function runs(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

// ignores TERM, as does what it has forked
const STUBBORN = `trap '' TERM; sh -c 'echo $$; while :; do sleep 1; done' & echo $!; while :; do sleep 1; done`;

describe('startChild', () => {
  test('tells the exit code, or the signal', async () => {
    expect(await shell('exit 7').ended).toEqual({ code: 7, signal: null, stderr: '', endedBecause: null });
    const killed = await shell('echo oops >&2; kill -KILL $$').ended;
    expect(killed).toEqual({ code: null, signal: 'SIGKILL', stderr: 'oops\n', endedBecause: null });
  });

  test('passes arguments as they are, through no shell', async () => {
    const words = ['$(touch x)', '; rm -rf /', '*', `'"`, '', ' two  blanks ', '\\', 'new\nline', '-n'];
    const { stdout } = await runChild('printf', ['%s|', ...words]);
    expect(stdout.toString()).toBe(words.map((word) => `${word}|`).join(''));
  });

  test.each(['millpond-no-such-program', '/etc/passwd', '/nowhere/rsync'])('says that %j cannot be started', (file) => {
    expect(() => startChild(file, [])).toThrow(
      expect.objectContaining({
        code: 'unavailable',
        message: `the program "${file}" cannot be started`,
        hint: expect.stringContaining('PATH') as string,
      }),
    );
  });

  test('lets nothing of our environment through but what programs need', async () => {
    process.env['MILLPOND_TEST_SECRET'] = 'hunter2';
    process.env['RSYNC_PASSWORD'] = 'hunter2';
    onTestFinished(() => {
      delete process.env['MILLPOND_TEST_SECRET'];
      delete process.env['RSYNC_PASSWORD'];
    });
    const { stdout } = await runChild('env', [], { env: { OURS: 'given' } });
    const names = stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);
    expect(names.filter((name) => !['PATH', 'HOME', 'SSH_AUTH_SOCK'].includes(String(name))).sort()).toEqual([
      'LANG',
      'OURS',
      'TZ',
    ]);
    expect(stdout.toString()).not.toContain('hunter2');
  });

  test('writes its input to stdin and closes it', async () => {
    const { stdout } = await runChild('cat', [], { input: 'a secret\n' });
    expect(stdout.toString()).toBe('a secret\n');
    expect((await runChild('cat', [])).stdout.length).toBe(0);
  });

  test('takes it well when a program does not read its input', async () => {
    expect(await runChild('true', [], { input: 'x'.repeat(1_000_000) })).toMatchObject({ code: 0 });
    expect(await runChild('sh', ['-c', 'exec <&-; exit 3'], { input: 'x'.repeat(1_000_000) })).toMatchObject({
      code: 3,
    });
  });

  test('runs in the folder that it is given', async () => {
    const folder = await tempFolder();
    expect((await runChild('pwd', [], { cwd: folder })).stdout.toString().trim()).toBe(folder);
  });

  test('keeps the end of a long stderr only', async () => {
    const { stderr } = await runChild('sh', ['-c', 'yes 0123456789 | head -c 3000000 >&2; echo the end >&2']);
    expect(stderr.length).toBe(64 * 1024);
    expect(stderr.endsWith('the end\n')).toBe(true);
  });

  test('leaves no zombie', async () => {
    const child = shell('exit 0');
    await child.ended;
    expect(existsSync(`/proc/${child.pid}`)).toBe(false);
  });
});

describe('end', () => {
  test('asks with TERM first', async () => {
    const child = shell(`trap 'echo cleaned; exit 5' TERM; echo ready; while :; do sleep 0.1; done`);
    await expect.poll(child.said).toBe('ready\n');
    expect(await child.end('enough')).toMatchObject({ code: 5, endedBecause: 'enough' });
    expect(child.said()).toBe('ready\ncleaned\n');
  });

  test('kills the whole group when it ignores TERM, what was forked included', async () => {
    const child = shell(STUBBORN);
    await expect.poll(() => child.said().trim().split('\n').length).toBe(2);
    const forked = child.said().trim().split('\n').map(Number);
    expect(forked.map(runs)).toEqual([true, true]);
    expect(await child.end('enough', 100)).toMatchObject({ code: null, signal: 'SIGKILL', endedBecause: 'enough' });
    await expect.poll(() => [child.pid, ...forked].filter(runs)).toEqual([]);
  });

  test('kills forks that outlive their leader', async () => {
    const child = shell(`sh -c 'trap "" TERM; echo $$; exec >&- 2>&-; while :; do sleep 1; done' & wait`);
    await expect.poll(child.said).not.toBe('');
    const forked = Number(child.said());
    expect(runs(forked)).toBe(true);
    await child.end('enough', 60_000);
    await expect.poll(() => runs(forked)).toBe(false);
  });

  test('keeps the first reason, and gives every caller the same end', async () => {
    const child = shell('while :; do sleep 0.1; done');
    const ends = await Promise.all([child.end('the first'), child.end('the second'), child.ended]);
    expect(ends.map((end) => end.endedBecause)).toEqual(['the first', 'the first', 'the first']);
    expect(await child.end('the third')).toBe(ends[0]);
  });

  test('does nothing to a program that has ended by itself', async () => {
    const child = shell('exit 0');
    await child.ended;
    expect(await child.end('too late', 0)).toMatchObject({ code: 0, endedBecause: null });
  });
});

describe('runChild', () => {
  test('returns what was printed', async () => {
    expect(await runChild('sh', ['-c', 'printf out; printf err >&2; exit 2'])).toEqual({
      ...{ code: 2, signal: null, stderr: 'err', endedBecause: null },
      stdout: Buffer.from('out'),
    });
  });

  test('ends what prints too much, and keeps no more than was allowed', async () => {
    const { stdout, endedBecause } = await runChild('yes', [], { maxBytes: 100_000 });
    expect(stdout.length).toBeLessThanOrEqual(100_000);
    expect(endedBecause).toBe('printed more than 100000 bytes');
  });

  test('ends what takes too long', async () => {
    const { code, endedBecause } = await runChild('sleep', ['1000'], { timeoutMs: 100 });
    expect([code, endedBecause]).toEqual([null, 'ran longer than 0.1 s']);
  });

  test('ends with its signal, and starts nothing when that has come before', async () => {
    const folder = await tempFolder();
    writeFileSync(join(folder, 'here'), '');
    const controller = new AbortController();
    const running = runChild('sleep', ['1000'], { signal: controller.signal });
    controller.abort(new Error('enough'));
    expect(await running).toMatchObject({ endedBecause: 'was no longer wanted' });
    const late = runChild('rm', [join(folder, 'here')], { signal: controller.signal });
    await expect(late).rejects.toThrow('enough');
    expect(existsSync(join(folder, 'here'))).toBe(true);
  });
});
