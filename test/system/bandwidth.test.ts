import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Run } from '../../core/run.js';
import { processesWithEnvironment } from '../../platform/processes.js';
import { startCuttingProxy, type CuttingProxy } from '../fixtures/cutting-proxy.js';
import { startProgram, type Program } from '../fixtures/program.js';
import { startDaemon, type Daemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../fixtures/tree.js';

const run = promisify(execFile);

interface Upstream {
  readonly folder: string;
  readonly up: string;
  readonly daemon: Daemon;
}

/** A daemon that exports one file of `size` bytes. */
async function upstream(size: number): Promise<Upstream> {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  mkdirSync(up);
  writeTree(up, { 'image.iso': randomBytes(size) });
  const daemon = await startDaemon({ modules: { pond: up } });
  onTestFinished(() => daemon.stop());
  return { folder, up, daemon };
}

async function proxyOf({ daemon }: Upstream): Promise<CuttingProxy> {
  const proxy = await startCuttingProxy(daemon.port);
  onTestFinished(() => proxy.stop());
  return proxy;
}

/** Bytes of the tree that a first run has on disk so far: what rsync has got, without what waits in sockets. */
function received(program: Program, mirror: string): number {
  const slot = join(program.data, 'mirrors', mirror, 'slots/a');
  const names = existsSync(slot) ? readdirSync(slot, { recursive: true, encoding: 'utf8' }) : [];
  const files = names.map((name) => lstatSync(join(slot, name), { throwIfNoEntry: false }));
  return files.reduce((sum, stat) => sum + (stat?.isFile() ? stat.size : 0), 0);
}

/** Changes `sync.bandwidth` in the configuration and has the program read it again. */
async function setBandwidth(program: Program, bandwidth: string | undefined): Promise<void> {
  const settings = parse(readFileSync(program.config, 'utf8')) as { sync: Record<string, unknown> };
  writeFileSync(program.config, stringify({ ...settings, sync: { ...settings.sync, bandwidth } }));
  expect(await program.control('POST', '/reload')).toEqual({ changed: ['sync.bandwidth'] });
}

async function phaseOf(program: Program, { id }: Run): Promise<Run['phase']> {
  return (await program.control<Run>('GET', `/runs/${id}`)).phase;
}

test('a changed limit holds a running rsync back, and lets it go when it is lifted', async () => {
  const size = 12_000_000;
  const source = await upstream(size);
  const proxy = await proxyOf(source);
  const mirrors = { pond: { upstream: proxy.url('pond'), schedule: 'manual' } };
  const program = await startProgram(join(source.folder, 'millpond'), mirrors, { bandwidth: '1GB/s' });
  const pull = await program.trigger('pond');
  await proxy.untilDown(1_000_000);
  proxy.stall();
  const rsyncs = await processesWithEnvironment('MILLPOND_CHILD_OF', program.data);
  await setBandwidth(program, '64kB/s');
  proxy.resume();

  // time enough for a pull that nothing holds back
  for (const copy of ['one', 'two', 'three'])
    await run('rsync', ['-a', source.daemon.url('pond'), join(source.folder, copy)]);
  expect(await phaseOf(program, pull)).toBe('pull');
  expect(received(program, 'pond')).toBeLessThan(size / 2);

  expect(await processesWithEnvironment('MILLPOND_CHILD_OF', program.data)).toEqual(rsyncs);
  await setBandwidth(program, undefined);
  await expect.poll(() => phaseOf(program, pull), { timeout: 20_000 }).toBe('ended');
  expect(await program.control('GET', `/runs/${pull.id}`)).toMatchObject({ outcome: 'updated' });
  expect(proxy.connections()).toBe(2); // the first asked how large it is
  expect(snapshot(join(program.data, 'mirrors/pond/live'))).toEqual(snapshot(source.up));
});

test('pulls that run at once share one bandwidth, and share it evenly', async () => {
  const size = 2_000_000;
  const rate = 3_000_000;
  const source = await upstream(size);
  const names = ['one', 'two', 'three'];
  const proxies = await Promise.all(names.map(() => proxyOf(source)));
  const mirrors = names.map((name, index) => [name, { upstream: proxies[index]?.url('pond'), schedule: 'manual' }]);
  const limits = { bandwidth: `${rate / 1e6}MB/s`, per_host: 3 };
  const program = await startProgram(join(source.folder, 'millpond'), Object.fromEntries(mirrors) as object, limits);
  for (const proxy of proxies) proxy.stall();
  const pulls = await Promise.all(names.map((name) => program.trigger(name)));
  await expect.poll(() => proxies.map((proxy) => proxy.connections()), { timeout: 20_000 }).toEqual([1, 1, 1]);
  const began = Date.now();
  for (const proxy of proxies) proxy.resume();

  const phases = (): Promise<Run['phase'][]> => Promise.all(pulls.map((pull) => phaseOf(program, pull)));
  await expect.poll(phases, { interval: 20, timeout: 20_000 }).toContain('ended');
  for (const name of names) expect(received(program, name), name).toBeGreaterThan(size * 0.4);
  await expect.poll(phases, { interval: 20, timeout: 20_000 }).toEqual(['ended', 'ended', 'ended']);
  // a bound that a slow machine cannot break: three pulls with the whole rate each would be at three times as much
  const seconds = (Date.now() - began) / 1000;
  expect((3 * size) / seconds).toBeLessThan(rate * 1.6);
});

test('a local pull, whose rate cannot be changed later, gets the part of one place', async () => {
  const { folder, up } = await upstream(4_000_000);
  const mirrors = { pond: { upstream: up, schedule: 'manual' } };
  const limits = { bandwidth: '256KiB/s', concurrency: 4 };
  const program = await startProgram(join(folder, 'millpond'), mirrors, limits);
  const pull = await program.trigger('pond');
  await expect
    .poll(() => commandLines(program), { timeout: 20_000 })
    .toContainEqual(expect.arrayContaining(['--bwlimit=64']));
  expect(await phaseOf(program, pull)).toBe('pull');
  expect(await program.control('POST', '/mirrors/pond/cancel')).toEqual({ cancelled: [pull.id] });
});

/** The argument vectors of what the program has started. */
async function commandLines(program: Program): Promise<string[][]> {
  const pids = await processesWithEnvironment('MILLPOND_CHILD_OF', program.data);
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.map((line) => line.split('\0'));
}
