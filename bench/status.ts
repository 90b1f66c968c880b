import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { request } from 'undici';
import { openStore } from '../store/open.js';
import { median, Report } from './report.js';
import { cpuSeconds, startMillpond, Workbench, type Program } from './workbench.js';

export interface StatusBenchOptions {
  readonly mirrors: number;
  readonly runs: number;
  readonly repeat: number;
  readonly json?: boolean;
}

/** What an answer may take. */
const MOST_MS = 20;
const HOUR = 3600 * 1000;
const GENERATIONS = 100;
/** Of these one fails and one is late, as it is on a large server. */
const FAILS_EVERY = 50;
const LATE_EVERY = 70;
const PATHS = ['/status', '/status.json', '/status.txt', '/', '/api/v1/mirrors', '/static/tunasync.json', '/metrics'];

/** Asks a program with many mirrors and a long history what `/status` and its twins cost: first, from memory, and as 304. */
export async function benchStatus(options: StatusBenchOptions): Promise<void> {
  await Workbench.use(async (workbench) => {
    const report = new Report('status', options);
    const { folder } = workbench;
    fill(join(folder, 'data'), options);
    const before = performance.now();
    const millpond = await startMillpond(workbench, folder, { mirrors: mirrorsOf(options.mirrors) });
    report.say('start with all that is in the database, ms', [performance.now() - before]);
    for (const path of PATHS) await measurePath(millpond, path, report, options);
    await acrossTime(millpond.url, report, options);
  });
}

/** First, then from memory, then where the client has it already; beside the time, what the program computes for each. */
async function measurePath(
  program: Program,
  path: string,
  report: Report,
  { repeat }: StatusBenchOptions,
): Promise<void> {
  const url = `${program.url}${path}`;
  report.say(`${path}, made anew, ms`, [(await ask(url)).ms]);
  const before = cpuSeconds(program.child);
  const times: number[] = [];
  let etag: string | null = null;
  for (let i = 0; i < repeat; i++) {
    const answer = await ask(url);
    times.push(answer.ms);
    etag = answer.etag;
  }
  report.within(`${path}, median of ${repeat}, ms`, median(times), MOST_MS);
  report.within(`${path}, CPU time of each, ms`, ((cpuSeconds(program.child) - before) * 1000) / repeat, MOST_MS);
  if (etag === null) return;
  const same: number[] = [];
  for (let i = 0; i < repeat; i++) {
    const answer = await ask(url, etag);
    if (answer.isSame) same.push(answer.ms);
    etag = answer.etag;
  }
  report.say(`${path}, 304, ms`, [median(same)]);
}

/** What the page costs when all times on it are others: each mirror is decided anew, from what is in memory. */
async function acrossTime(url: string, report: Report, { repeat }: StatusBenchOptions): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < Math.min(repeat, 3); i++) {
    await new Promise((resolve) => setTimeout(resolve, 15_000)); // times on pages are cut to so much
    times.push((await ask(`${url}/status`)).ms);
  }
  report.within('/status, after 15 s each, ms', median(times), MOST_MS);
}

async function ask(url: string, etag?: string | null): Promise<{ ms: number; etag: string | null; isSame: boolean }> {
  const started = performance.now();
  // fetch() would ask for a new answer as soon as a condition is given
  const headers = { Accept: '*/*', ...(etag ? { 'If-None-Match': etag } : {}) };
  const { statusCode, headers: fields, body } = await request(url, { headers });
  await body.arrayBuffer();
  if (statusCode !== 200 && statusCode !== 304) throw new Error(`${url} was answered with ${statusCode}`);
  const found = typeof fields['etag'] === 'string' ? fields['etag'] : null;
  return { ms: performance.now() - started, etag: found, isSame: statusCode === 304 };
}

function mirrorsOf(count: number): Record<string, object> {
  const entries = Array.from({ length: count }, (_, n) => {
    const name = nameOf(n);
    const upstream = `rsync://127.0.0.1:9/${name}/`;
    return [name, { title: `Mirror ${n}`, description: 'One of many', upstream, schedule: 'manual' }] as const;
  });
  return Object.fromEntries(entries);
}

function nameOf(n: number): string {
  return `mirror-${String(n).padStart(4, '0')}`;
}

/** A database as years of work leave it. */
function fill(data: string, { mirrors, runs }: StatusBenchOptions): void {
  mkdirSync(data, { recursive: true });
  const file = join(data, 'state.db');
  openStore(file).close();
  const db = new Database(file);
  db.pragma('synchronous = OFF');
  const now = Date.now();
  const perMirror = Math.ceil(runs / mirrors);
  const addRun = db.prepare(`
    INSERT INTO runs (mirror, trigger, attempt, force, phase, outcome, failure, message, queued_at, started_at, ended_at,
      upstream, exit_code, marker_value, marker_time, total_files, total_bytes)
    VALUES (?, 'schedule', 1, 0, 'ended', ?, ?, ?, ?, ?, ?, 'rsync://ftp.example.org/pub/', ?, ?, ?, 120000, 900000000000)`);
  const addGeneration = db.prepare(`
    INSERT INTO generations (mirror, run_id, slot, state, files, bytes, marker_value, marker_time, published_at, confirmed_at)
    VALUES (?, NULL, 'a', ?, 120000, ?, ?, ?, ?, ?)`);
  db.transaction(() => {
    for (let round = perMirror; round > 0; round--)
      for (let n = 0; n < mirrors; n++) {
        const at = now - round * HOUR;
        const fails = n % FAILS_EVERY === 0;
        const message = fails ? 'The connection to upstream failed (rsync exit code 10).' : 'Brought up to date.';
        const [outcome, failure, code] = fails ? ['failed', 'connect', 10] : ['updated', null, 0];
        addRun.run(nameOf(n), outcome, failure, message, at, at, at + 60_000, code, `${round}`, at);
      }
    for (let n = 0; n < mirrors; n++)
      for (let g = GENERATIONS; g > 0; g--) {
        const at = now - g * HOUR - (n % LATE_EVERY === 0 ? 500 * HOUR : 0);
        addGeneration.run(nameOf(n), g === 1 ? 'live' : 'recycled', 900e9 - g * 1e9, `${g}`, at, at, at);
      }
  })();
  db.close();
}
