import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { ControlClient } from '../cli/client.js';
import type { Run } from '../core/run.js';
import { PACKAGE_ROOT } from '../platform/package-root.js';

export interface SyncBenchOptions {
  readonly files: number;
  readonly repeat: number;
  readonly json?: boolean;
}

const FILES_PER_FOLDER = 100;
const CHANGED = 1_000;

interface Bench {
  readonly folder: string;
  readonly up: string;
  readonly url: string;
  readonly client: ControlClient;
  readonly millpond: ChildProcess;
  readonly options: SyncBenchOptions;
}

/** Runs Millpond and plain rsync in turn on the same upstream and prints the medians and their ratio. */
export async function benchSync(options: SyncBenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-bench-'));
  const children: ChildProcess[] = [];
  const tidy = (): void => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  process.once('SIGINT', () => {
    tidy();
    process.exit(130);
  });
  try {
    await measure(await setUp(folder, options, children));
  } finally {
    tidy();
  }
}

async function setUp(folder: string, options: SyncBenchOptions, children: ChildProcess[]): Promise<Bench> {
  const up = join(folder, 'up');
  for (let i = 0; i < options.files; i++) writeFile(up, i, 0);
  writeFileSync(join(up, 'marker'), '0');
  const port = await freePort();
  const config = join(folder, 'rsyncd.conf');
  const ids = process.getuid?.() === 0 ? 'uid = 0\ngid = 0\n' : '';
  writeFileSync(config, `port = ${port}\naddress = 127.0.0.1\nuse chroot = no\n${ids}[up]\npath = ${up}\n`);
  children.push(spawn('rsync', ['--daemon', '--no-detach', `--config=${config}`], { stdio: 'ignore' }));
  const url = `rsync://127.0.0.1:${port}/up/`;
  configure(folder, url, {});
  const main = join(PACKAGE_ROOT, 'dist', 'cli', 'main.js');
  const millpond = spawn(process.execPath, [main, 'serve', '--config', join(folder, 'millpond.yaml')], {
    env: { ...process.env, MILLPOND_LOG: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(millpond);
  if (millpond.stdout) await once(millpond.stdout, 'data');
  const socketPath = join(folder, 'data', 'run', 'control.sock');
  const client = new ControlClient({ socketPath, dataFolder: join(folder, 'data') });
  return { folder, up, url, client, millpond, options };
}

function configure(folder: string, upstream: string, mirror: object): void {
  const settings = {
    data: './data',
    listen: { http: '127.0.0.1:0' },
    sync: { jitter: '0s', reserve: '0%' },
    mirrors: { up: { upstream, schedule: 'manual', ...mirror } },
  };
  writeFileSync(join(folder, 'millpond.yaml'), stringify(settings));
}

async function measure(bench: Bench): Promise<void> {
  const { options } = bench;
  const first = await pair(bench, 1, { force: false });
  report(options, `first sync of ${options.files} files`, first, null);
  await pair(bench, 1, { force: false }); // builds the second slot
  const noProbe = await pair(bench, options.repeat, { force: false });
  report(options, 'nothing changed, without probe', noProbe, 1.1);
  const changedNoProbe = await pair(bench, options.repeat, { force: false, change: true });
  report(options, `${CHANGED} changed files, without probe`, changedNoProbe, 1.2);
  configure(bench.folder, bench.url, { marker: { path: 'marker', parser: 'text' } });
  await bench.client.reload();
  await pair(bench, 1, { force: false }); // learns the marker
  const probed = await pair(bench, options.repeat, { force: false });
  report(options, 'nothing changed, with probe', probed, 0.2);
  const changed = await pair(bench, options.repeat, { force: false, change: true });
  report(options, `${CHANGED} changed files, with probes`, changed, 1.2);
  say(options, 'replay of the last change list, ms', logFigures(bench, /in (\d+) ms\.$/, /made equal/));
  say(options, 'publish step, ms (goal <= 500)', logFigures(bench, /in (\d+) ms\.$/, /published/));
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${bench.millpond.pid}/status`, 'utf8'))?.[1];
  say(options, 'peak memory of Millpond, MB (goal <= 150)', [Math.round(Number(peak) / 1024)]);
}

interface Figures {
  readonly millpond: number[];
  readonly rsync: number[];
}

async function pair(bench: Bench, repeat: number, how: { force: boolean; change?: boolean }): Promise<Figures> {
  const figures: Figures = { millpond: [], rsync: [] };
  for (let i = 0; i < repeat; i++) {
    if (how.change) change(bench);
    figures.millpond.push(await millpondRun(bench, how.force));
    figures.rsync.push(await rsyncRun(bench));
  }
  return figures;
}

let round = 0;
/** The same number of files everywhere in the tree, with new content of another size. */
function change({ up, options }: Bench): void {
  round++;
  const step = Math.max(1, Math.floor(options.files / CHANGED));
  for (let i = 0; i < options.files; i += step) writeFile(up, i, round);
  writeFileSync(join(up, 'marker'), String(round));
}

async function millpondRun({ client }: Bench, force: boolean): Promise<number> {
  let run: Run = await client.sync('up', { force });
  while (run.phase !== 'ended') {
    await delay(20);
    run = await client.run(run.id);
  }
  if (run.outcome !== 'updated' && run.outcome !== 'unchanged')
    throw new Error(`the run ended ${run.outcome}: ${run.message}`);
  return (run.endedAt ?? 0) - (run.startedAt ?? 0);
}

async function rsyncRun({ folder, url }: Bench): Promise<number> {
  const started = performance.now();
  const child = spawn('rsync', ['-a', '--delete', url, `${join(folder, 'plain')}/`], { stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error(`rsync ended with ${code}`);
  return performance.now() - started;
}

function writeFile(up: string, i: number, version: number): void {
  const folder = join(up, `d${Math.floor(i / FILES_PER_FOLDER)}`);
  if (i % FILES_PER_FOLDER === 0) mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `f${i}`), 'x'.repeat(500 + (i % 1500) + version));
}

/** Milliseconds that the logs of all runs tell in lines with `which`. */
function logFigures({ folder }: Bench, figure: RegExp, which: RegExp): number[] {
  const found: number[] = [];
  for (let id = 1; id < 1000; id++) {
    let text: string;
    try {
      text = readFileSync(join(folder, 'data', 'logs', 'up', `${id}.log`), 'utf8');
    } catch {
      break; // no more runs
    }
    for (const line of text.split('\n')) if (which.test(line)) found.push(Number(figure.exec(line)?.[1]));
  }
  return found;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function report(options: SyncBenchOptions, name: string, { millpond, rsync }: Figures, goal: number | null): void {
  const [ours, theirs] = [median(millpond), median(rsync)];
  const ratio = Math.round((ours / theirs) * 100) / 100;
  if (!options.json) {
    const wanted = goal === null ? '' : `  goal <= ${goal}  ${ratio <= goal ? 'reached' : 'NOT reached'}`;
    process.stdout.write(
      `${name.padEnd(38)} ${Math.round(ours)} ms / rsync ${Math.round(theirs)} ms = ${ratio}${wanted}\n`,
    );
  }
  process.stdout.write(`${JSON.stringify({ bench: 'sync', name, millpond, rsync, ratio, goal })}\n`);
}

function say(options: SyncBenchOptions, name: string, values: readonly number[]): void {
  if (!options.json) process.stdout.write(`${name.padEnd(38)} ${values.join(' ')}\n`);
  process.stdout.write(`${JSON.stringify({ bench: 'sync', name, values })}\n`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
