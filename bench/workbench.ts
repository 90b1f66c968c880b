import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
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

const POLL_MS = 20;
/** Options of Node for Millpond, as `npm start` and the unit of docs/operations.md have them. */
const AS_DOCUMENTED = ['--max-semi-space-size=4'];
/** More of them, for Millpond alone, such as --cpu-prof: not for what measures it. */
const PROFILING = (process.env['BENCH_NODE_OPTIONS'] ?? '').split(' ').filter((option) => option !== '');
/** Of /proc: what Linux tells every program since 2.6 (times(2), CLK_TCK). */
const TICKS_A_SECOND = 100;

/** A temporary folder, and the processes that run beside a measurement. */
export class Workbench {
  readonly #children = new Set<ChildProcess>();

  private constructor(readonly folder: string) {}

  /** Nothing is left when it resolves, nor after Ctrl-C or SIGTERM. */
  static async use(work: (bench: Workbench) => Promise<void>): Promise<void> {
    const bench = new Workbench(mkdtempSync(join(tmpdir(), 'millpond-bench-')));
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const)
      process.once(signal, () => {
        bench.#tidy();
        process.exit(code);
      });
    try {
      await work(bench);
    } finally {
      bench.#tidy();
    }
  }

  /** A daemon that lives until it is ended, at the latest with the workbench. */
  start(file: string, args: readonly string[], options: { env?: NodeJS.ProcessEnv; stdio?: StdioOptions } = {}) {
    const child = spawn(file, args, { stdio: 'ignore', ...options });
    this.#children.add(child);
    return child;
  }

  /** A folder that nothing has used before. */
  newFolder(): string {
    return mkdtempSync(join(this.folder, 'round-'));
  }

  async end(child: ChildProcess): Promise<void> {
    this.#children.delete(child);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  }

  #tidy(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Millpond as it is installed, on a data folder of its own. */
export interface Program {
  readonly client: ControlClient;
  readonly child: ChildProcess;
  readonly url: string;
}

/** Settings are written to `folder`, which may be new; data are in `folder`/data. `how` is for this process alone. */
export async function startMillpond(
  bench: Workbench,
  folder: string,
  settings: object,
  how: { nodeOptions?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<Program> {
  writeSettings(folder, settings);
  const main = join(PACKAGE_ROOT, 'dist', 'cli', 'main.js');
  const child = bench.start(
    process.execPath,
    [
      ...AS_DOCUMENTED,
      ...PROFILING,
      ...(how.nodeOptions ?? []),
      main,
      'serve',
      '--config',
      join(folder, 'millpond.yaml'),
    ],
    { env: { ...process.env, MILLPOND_LOG: 'error', ...how.env }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const first = child.stdout ? once(child.stdout, 'data') : Promise.resolve([]);
  const [line] = (await Promise.race([first, once(child, 'exit')])) as unknown[]; // an exit code instead, where it fails
  const url = /http:\/\/\S+?(?=\/?(?:\s|$))/.exec(String(line))?.[0];
  if (url === undefined) throw new Error(`Millpond did not start: ${String(line)}`);
  const dataFolder = join(folder, 'data');
  const client = new ControlClient({ socketPath: join(dataFolder, 'run', 'control.sock'), dataFolder });
  return { client, child, url };
}

export function writeSettings(folder: string, settings: object): void {
  mkdirSync(folder, { recursive: true });
  const common = { data: './data', listen: { http: '127.0.0.1:0' }, sync: { jitter: '0s', reserve: '0%' } };
  writeFileSync(join(folder, 'millpond.yaml'), stringify({ ...common, ...settings }));
}

/** Runs these at the same time; milliseconds from before they are asked for to the end of the last. */
export async function syncAll({ client }: Program, names: readonly string[], how = { force: false }): Promise<number> {
  const asked = Date.now(); // the clock of a run's times
  const queued = await Promise.all(names.map((name) => client.sync(name, how)));
  const runs: Run[] = [];
  for (let run of queued) {
    // one request at a time: what asks should not keep it busy
    for (; run.phase !== 'ended'; run = await client.run(run.id)) await delay(POLL_MS);
    runs.push(run);
  }
  for (const { outcome, message } of runs)
    if (outcome !== 'updated' && outcome !== 'unchanged') throw new Error(`a run ended ${outcome}: ${message}`);
  return Math.max(...runs.map(({ endedAt }) => endedAt ?? NaN)) - asked;
}

/** Runs a program to its end; milliseconds. @throws Error when it fails */
export async function timed(file: string, args: readonly string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (part: Buffer) => (said = (said + part.toString()).slice(-2000)));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${said}`);
  return performance.now() - started;
}

/** What a program prints. @throws Error when it fails */
export async function outputOf(file: string, args: readonly string[]): Promise<string> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (part: Buffer) => (text += part.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${file} ended with ${code}`);
  return text;
}

/** CPU time that a process and its threads have had so far, in seconds (proc(5)). */
export function cpuSeconds({ pid }: Pick<ChildProcess, 'pid'>): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
