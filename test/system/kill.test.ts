import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { Run } from '../../core/run.js';
import { processesWithEnvironment } from '../../platform/processes.js';
import { startCuttingProxy } from '../fixtures/cutting-proxy.js';
import { startProgram, type Program } from '../fixtures/program.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { largestFile, snapshot, writeTree } from '../fixtures/tree.js';

const KILLS = 32;

/** Numbers from 0 to 1 that are the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** A new generation of the upstream's tree; times differ, so that every change shows. */
function change(up: string, generation: number, random: () => number): void {
  const at = generation % 60;
  writeTree(up, { generation: String(generation), [`added/${generation}`]: randomBytes(20_000) });
  for (let i = 0; i < 5; i++) writeTree(up, { [`files/${Math.floor(random() * 300)}`]: randomBytes(4_000) });
  writeTree(up, { 'big.iso': randomBytes(3_000_000) });
  if (generation > 5) rmSync(join(up, `added/${generation - 5}`));
  const time = Date.UTC(2026, 0, 1, 0, generation, at) / 1000;
  utimesSync(join(up, 'generation'), time, time);
}

async function newest(program: Program): Promise<Run | undefined> {
  const runs = await program.control<Run[]>('GET', '/mirrors/pond/runs?limit=1');
  return runs[0];
}

/** KILL to the program, and `withChildren` to every rsync of it at the same moment. */
async function kill(program: Program, withChildren: boolean): Promise<void> {
  const children = withChildren ? await processesWithEnvironment('MILLPOND_CHILD_OF', program.data) : [];
  const ended = program.end('SIGKILL');
  for (const pid of children)
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has ended by itself meanwhile
    }
  await ended;
}

/** Upstream must not change under the run that is taken up after a kill: nothing would tell which tree is right. */
async function idle(program: Program): Promise<void> {
  await expect.poll(async () => (await newest(program))?.phase, { timeout: 30_000 }).toBe('ended');
  const { outcome } = (await newest(program)) ?? {};
  if (outcome === 'interrupted') {
    await delay(50); // it is queued with the start of the clock
    await idle(program);
  }
}

async function phaseReached(program: Program, phase: Run['phase']): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const run = await newest(program);
    if (run?.phase === phase || run?.phase === 'ended') return;
  }
}

test(`${KILLS} times kill -9 at any moment: one whole generation is served, and nothing is left over`, async () => {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  mkdirSync(up);
  const seed = Number(process.env['KILL_SEED'] ?? Date.now() % 100_000);
  console.log(`seed ${seed} (KILL_SEED)`);
  const random = seeded(seed);
  for (let i = 0; i < 300; i++) writeTree(up, { [`files/${i}`]: randomBytes(4_000) });
  const generations = new Map<string, Record<string, string>>();
  let generation = 0;
  const next = (): void => {
    change(up, ++generation, random);
    generations.set(String(generation), snapshot(up));
  };
  next();
  const daemon = await startDaemon({ modules: { pond: up } });
  onTestFinished(() => daemon.stop());
  const home = join(folder, 'millpond');
  const mirrors = { pond: { upstream: daemon.url('pond'), schedule: 'manual' } };
  const data = join(home, 'data');
  const live = join(data, 'mirrors/pond/live');
  const start = (): Promise<Program> => startProgram(home, mirrors);
  let program = await start();
  const first = await program.sync('pond');
  expect(first).toMatchObject({ outcome: 'updated' });
  const usual = (first.endedAt ?? 0) - (first.startedAt ?? 0);
  const phases: Run['phase'][] = ['prepare', 'pull', 'verify', 'publish', 'account'];
  for (let kills = 0; kills < KILLS; kills++) {
    // every other time the run that was just taken up is killed as well
    if (kills % 2 === 0) {
      await idle(program);
      next();
      await program.trigger('pond');
    }
    if (kills % 3 === 0) await phaseReached(program, phases[(kills / 3) % phases.length] ?? 'pull');
    else await delay(random() * usual);
    await kill(program, kills % 4 < 2);
    expectWhole(live, generations);
    program = await start();
    expectWhole(live, generations);
    const served = await (await fetch(`${program.url}/pond/generation`)).text();
    expect([...generations.keys()].slice(-2)).toContain(served);
  }
  await idle(program);
  expect(['updated', 'unchanged']).toContain((await program.sync('pond')).outcome);
  expect(['updated', 'unchanged']).toContain((await program.sync('pond')).outcome);
  expect(snapshot(live)).toEqual(snapshot(up));
  expect(readdirSync(join(data, 'mirrors/pond')).sort()).toEqual(['changes', 'live', 'slots']);
  expect(readdirSync(join(data, 'mirrors/pond/slots')).sort()).toEqual(['a', 'b']);
  const runs = await program.control<Run[]>('GET', '/mirrors/pond/runs?limit=200');
  expect(runs.filter((run) => run.outcome === 'interrupted').length).toBeGreaterThan(KILLS / 4);
  expect(await program.end('SIGTERM')).toBe(0);
  expect(await processesWithEnvironment('MILLPOND_CHILD_OF', data)).toEqual([]);
}, 300_000);

function expectWhole(live: string, generations: ReadonlyMap<string, Record<string, string>>): void {
  const slot = realpathSync(live); // the run that is taken up may switch while this looks
  expect(snapshot(slot)).toEqual(generations.get(readFileSync(join(slot, 'generation'), 'utf8')));
}

test.each([
  ['the program', false],
  ['it and all of its rsyncs', true],
])(
  'a transfer that kill -9 of %s broke goes on from what had come',
  async (_, withChildren) => {
    const folder = await tempFolder();
    const up = join(folder, 'up');
    mkdirSync(up);
    const size = 8_000_000;
    writeTree(up, { 'big.iso': randomBytes(size) });
    const daemon = await startDaemon({ modules: { pond: up } });
    onTestFinished(() => daemon.stop());
    const proxy = await startCuttingProxy(daemon.port);
    onTestFinished(() => proxy.stop());
    const mirrors = { pond: { upstream: proxy.url('pond'), schedule: 'manual' } };
    const killed = await startProgram(join(folder, 'millpond'), mirrors);
    await killed.trigger('pond');
    await proxy.untilDown(size * 0.75);
    proxy.stall();
    // what the proxy has sent may not have come yet
    await expect.poll(() => largestFile(join(killed.data, 'mirrors/pond/slots/a'))).toBeGreaterThan(size * 0.6);
    await kill(killed, withChildren);
    if (withChildren) proxy.cut(); // what is still under way comes to nobody, and would be counted
    proxy.resume();
    const before = proxy.bytesDown();
    const program = await startProgram(join(folder, 'millpond'), mirrors);
    const live = join(program.data, 'mirrors/pond/live');
    await expect
      .poll(() => program.control<Run[]>('GET', '/mirrors/pond/runs?limit=1').then((runs) => runs[0]?.outcome), {
        timeout: 30_000,
      })
      .toBe('updated');
    expect(proxy.bytesDown() - before).toBeLessThan(size * 0.5);
    expect(snapshot(live)).toEqual(snapshot(up));
  },
  120_000,
);
