import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Run } from '../../core/run.js';
import { expectRefusal, runMillpond, startMillpond, type CommandEnd } from '../fixtures/command-line.js';
import { createPond, endOf, holdRun, PATIENT, read, runsOf, type Pond } from '../fixtures/pond.js';
import { writeConfig, type Program } from '../fixtures/program.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { snapshot, writeTree } from '../fixtures/tree.js';

interface Scene extends Pond {
  readonly program: Program;
  /** Runs a command to its end. */
  millpond(...args: string[]): Promise<CommandEnd>;
}

async function scene(mirror: object = {}): Promise<Scene> {
  const pond = await createPond({ mirror });
  const program = await pond.start();
  return { ...pond, program, millpond: (...args) => runMillpond(program.config, ...args) };
}

/** What a command that went well has printed. */
async function printed(command: Promise<CommandEnd>): Promise<string> {
  const { code, stdout, stderr } = await command;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

test('sync --wait: 0 updated, 0 unchanged, 1 failed; without --wait it only asks', async () => {
  const { up, daemon, program, millpond } = await scene();
  expect(await printed(millpond('sync', 'pond', '--wait'))).toMatch(/^Run 1 of pond: updated\. 1 file /m);
  expect(await printed(millpond('sync', 'pond', '--wait'))).toMatch(/^Run 2 of pond: unchanged\. /m);
  writeTree(up, { NEWS: 'more' });
  expect(await printed(millpond('sync', 'pond'))).toContain('Run 3 of pond has started. To follow it: millpond logs');
  expect(await endOf(program, 3)).toMatchObject({ outcome: 'updated' });
  await daemon.stop();
  const { code, stdout } = await millpond('sync', 'pond', '--wait');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^Run 4 of pond: failed\. .*rsync exit code \d+/m);
  expect(await read(`${program.url}/pond/NEWS`)).toEqual({ status: 200, text: 'more' });
});

test('sync --wait: 3 when upstream has lost most of its files; approve publishes that; rollback takes it back', async () => {
  const { up, program, millpond } = await scene({ guard: { max_delete: '40%' } });
  writeTree(up, Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`files/${i}`, `file ${i}`])));
  await printed(millpond('sync', 'pond', '--wait'));
  const whole = snapshot(up);
  const live = join(program.data, 'mirrors/pond/live');
  rmSync(join(up, 'files'), { recursive: true });

  const held = await millpond('sync', 'pond', '--wait');
  expect(held.code).toBe(3);
  expect(held.stdout).toMatch(/held\. Upstream removed 50 of 51 files .* more than the 40 % /);
  expect(held.stdout).toContain('To see what would go, and to decide: millpond approve pond');
  expect(snapshot(live)).toEqual(whole);
  expect(await printed(millpond('status'))).toMatch(/pond +held/);

  const shown = await millpond('approve', 'pond');
  expect(shown.code).toBe(3);
  expect(shown.stdout).toMatch(/In all 50 files .* would go[^]*files\/ +50 [^]*millpond approve pond --run 2\n/);
  expectRefusal(await millpond('approve', 'pond', '--run', '1'), 'has been replaced by run 2', 'millpond approve pond');
  expect(await printed(millpond('reject', 'pond', '--run', '2'))).toContain('was dropped');
  expect(snapshot(live)).toEqual(whole);
  expect((await millpond('sync', 'pond', '--wait')).code).toBe(3);
  expect(await printed(millpond('approve', 'pond', '--run', '3'))).toMatch(
    /updated\. What run 3 brought was let through/,
  );
  expect(snapshot(live)).toEqual(snapshot(up));

  expect(await printed(millpond('rollback', 'pond'))).toContain(
    'pond is served from generation 1 again, and is paused',
  );
  expect(snapshot(live)).toEqual(whole);
  expect(await read(`${program.url}/pond/files/7`)).toEqual({ status: 200, text: 'file 7' });
  expectRefusal(await millpond('sync', 'pond'), 'pond is paused: Rolled back to generation 1', 'millpond resume pond');
});

test('rollback without a previous generation is refused', async () => {
  const { millpond } = await scene();
  expectRefusal(
    await millpond('rollback', 'pond'),
    'pond has no whole previous generation to go back to',
    'It is kept',
  );
});

test('pause: no run starts and the reason is shown; --force runs all the same; resume lets runs start again', async () => {
  const { program, millpond } = await scene();
  expect(await printed(millpond('pause', 'pond', '--reason', 'a new disk'))).toContain('pond is paused.');
  for (const args of [['status'], ['status', 'pond']]) {
    expect(await printed(millpond(...args))).toMatch(/paused/);
    expect(await printed(millpond(...args))).toContain('a new disk');
  }
  for (const wait of [[], ['--wait']])
    expectRefusal(await millpond('sync', 'pond', ...wait), 'pond is paused: a new disk', 'millpond resume pond');
  expect(await runsOf(program, 'pond')).toEqual([]);
  expect(await printed(millpond('sync', 'pond', '--wait', '--force'))).toContain('updated');
  expect(await printed(millpond('resume', 'pond'))).toContain('pond is no longer paused.');
  expect(await printed(millpond('sync', 'pond', '--wait'))).toContain('unchanged');
  expect((await millpond('pause', 'pond')).stderr).toContain("required option '-r, --reason <text>'");
});

test('cancel ends the run that goes on and drops the one that waits', async () => {
  const pond = await scene();
  const { program, millpond } = pond;
  expect(await printed(millpond('cancel', 'pond'))).toContain('Nothing was cancelled: pond has no run');
  const run = await holdRun(pond, program);
  const waiter = startMillpond(program.config, 'sync', 'pond', '--wait');
  await expect.poll(() => waiter.stdout(), PATIENT).toContain('Run 2 of pond waits for its turn.');
  expect(await printed(millpond('cancel', 'pond'))).toBe('Cancelled run 2 and 1 of pond.\n');
  expect(await endOf(program, run.id)).toMatchObject({ outcome: 'cancelled', message: 'Cancelled by a person.' });
  const { code, stdout } = await waiter.ended;
  expect({ code, last: stdout.trim().split('\n').at(-1) }).toEqual({
    code: 1,
    last: 'Run 2 of pond: cancelled. Cancelled by a person before it started.',
  });
});

test('logs: of the newest run, of another with --run, and with --follow to the end of the one that goes on', async () => {
  const pond = await scene();
  const { program, proxy, millpond } = pond;
  expectRefusal(await millpond('logs', 'pond'), 'pond has had no run yet', 'Start one: millpond sync pond');
  await program.sync('pond');
  const first = await printed(millpond('logs', 'pond'));
  expect(first).toMatch(/Pass 1, stage all: pulling from rsync:.*\n(?:.*\n)*.*Ended: updated\./);

  const run = await holdRun(pond, program);
  const follower = startMillpond(program.config, 'logs', 'pond', '--follow');
  await expect.poll(() => follower.stdout(), PATIENT).toContain('Pass 1');
  expect(await printed(millpond('logs', 'pond'))).toBe(follower.stdout());
  expect(follower.runs()).toBe(true);
  expect(await printed(millpond('logs', 'pond', '--run', '1'))).toBe(first);
  proxy.resume();
  expect(await printed(follower.ended)).toMatch(/new file "held\.iso"\n(?:.*\n)*.*Ended: updated\..*\n$/);
  expect(follower.stdout()).toBe(await printed(millpond('logs', 'pond', '--run', String(run.id))));
  expectRefusal(await millpond('logs', 'pond', '--run', '99'), 'there is no run 99', 'Old runs are removed');
});

test('Ctrl-C ends the waiting of sync --wait, not the run', async () => {
  const pond = await scene();
  const { program, proxy } = pond;
  const run = await holdRun(pond, program);
  const waiter = startMillpond(program.config, 'sync', 'pond', '--wait');
  await expect.poll(() => waiter.stdout(), PATIENT).toContain('waits for its turn');
  waiter.send('SIGINT');
  expect(await waiter.ended).toMatchObject({
    code: 130,
    stderr: expect.stringContaining('Run 2 of pond goes on.') as string,
  });
  proxy.resume();
  expect(await endOf(program, run.id)).toMatchObject({ outcome: 'updated' });
  expect(await endOf(program, 2)).toMatchObject({ outcome: 'unchanged' });
});

test('check: 0 when all is well, 1 with the cause and the remedy when an upstream is dead or has no such module', async () => {
  const pond = await createPond();
  const gone = await startDaemon({ modules: {} });
  await gone.stop();
  const other = (upstream: string): object => ({ upstream, schedule: 'manual' });

  const { config } = await pond.start();
  expect(await printed(runMillpond(config, 'check'))).toMatch(/^ok +pond +rsync:\S+ answers$/m);
  const mirrors = { pond: pond.mirror, gone: other(gone.url('x')), none: other(pond.daemon.url('none')) };
  await writeConfig(pond.home, { mirrors });
  const { code, stdout } = await runMillpond(config, 'check');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^ok +pond .* answers$/m);
  expect(stdout).toMatch(/^problem +gone .*Connection refused.*\n +Check host and port/m);
  expect(stdout).toMatch(/^problem +none .*Unknown module 'none'.*\n +Check module/m);
});

test('status tells of a run while it goes on, and of what came of it', async () => {
  const pond = await scene();
  const { program, proxy, millpond } = pond;
  await program.sync('pond');
  const run = await holdRun(pond, program);
  expect(await printed(millpond('status', 'pond'))).toMatch(/^Running: +run 2: (?:transferring files|all 1\/1)/m);
  proxy.resume();
  await endOf(program, run.id);
  expect(await printed(millpond('status'))).toMatch(/is running \(process \d+\): 1 of 1 current\n/);
  expect(await printed(millpond('status', 'pond'))).toMatch(/^● pond: current\n(?:.*\n)*Last run: +run 2: updated/);
});

test('--json: every line that a command prints is JSON', async () => {
  const { program, up, millpond } = await scene();
  async function json<T>(...args: string[]): Promise<T[]> {
    const lines = (await printed(millpond('--json', ...args))).split('\n');
    expect(lines.pop()).toBe('');
    return lines.map((line) => JSON.parse(line) as T);
  }
  expect(await json<Run>('sync', 'pond', '--wait')).toMatchObject([{ id: 1, outcome: 'updated' }]);
  writeTree(up, { NEWS: 'more' });
  expect(await json<Run>('sync', 'pond')).toMatchObject([{ id: 2 }]);
  await endOf(program, 2);
  expect(await json('status')).toMatchObject([{ mirrors: [{ name: 'pond' }] }]);
  expect(await json('status', 'pond')).toMatchObject([{ name: 'pond', lastRun: { id: 2 } }]);
  expect((await json('logs', 'pond')).at(-1)).toMatchObject({
    run: 2,
    line: expect.stringContaining('Ended') as string,
  });
  expect(await json('cancel', 'pond')).toEqual([{ cancelled: [] }]);
  expect(await json('rollback', 'pond')).toEqual([{ generation: 1 }]);
  expect(await json('resume', 'pond')).toMatchObject([{ name: 'pond', paused: null }]);
  expect(await json('pause', 'pond', '--reason', 'x')).toMatchObject([{ name: 'pond', paused: { reason: 'x' } }]);
  expect(await json('reload')).toEqual([{ changed: [] }]);
  expect(await json('check')).toMatchObject([{ ok: true }]);
  expect(await json('schema')).toMatchObject([{ type: 'object' }]);
  const { code, stdout, stderr } = await millpond('--json', 'sync', 'pond');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'conflict', message: 'pond is paused: x' } });
});
