import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Report } from './report.js';
import { freePort, startMillpond, syncAll, timed, Workbench, writeSettings, type Program } from './workbench.js';

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
  readonly millpond: Program;
  readonly report: Report;
  readonly options: SyncBenchOptions;
}

/** Runs Millpond and plain rsync in turn on the same upstream and prints the medians and their ratio. */
export async function benchSync(options: SyncBenchOptions): Promise<void> {
  await Workbench.use(async (workbench) => measure(await setUp(workbench, options)));
}

async function setUp(workbench: Workbench, options: SyncBenchOptions): Promise<Bench> {
  const { folder } = workbench;
  const up = join(folder, 'up');
  for (let i = 0; i < options.files; i++) writeFile(up, i, 0);
  writeFileSync(join(up, 'marker'), '0');
  const port = await freePort();
  const config = join(folder, 'rsyncd.conf');
  const ids = process.getuid?.() === 0 ? 'uid = 0\ngid = 0\n' : '';
  writeFileSync(config, `port = ${port}\naddress = 127.0.0.1\nuse chroot = no\n${ids}[up]\npath = ${up}\n`);
  workbench.start('rsync', ['--daemon', '--no-detach', `--config=${config}`]);
  const url = `rsync://127.0.0.1:${port}/up/`;
  const millpond = await startMillpond(workbench, folder, settingsOf(url, {}));
  return { folder, up, url, millpond, report: new Report('sync', options), options };
}

function settingsOf(upstream: string, mirror: object): object {
  return { mirrors: { up: { upstream, schedule: 'manual', ...mirror } } };
}

async function measure(bench: Bench): Promise<void> {
  const { options, report, millpond } = bench;
  compare(bench, `first sync of ${options.files} files`, await pair(bench, 1), null);
  await pair(bench, 1); // builds the second slot
  compare(bench, 'nothing changed, without probe', await pair(bench, options.repeat), 1.1);
  const changedNoProbe = await pair(bench, options.repeat, { change: true });
  compare(bench, `${CHANGED} changed files, without probe`, changedNoProbe, 1.2);
  writeSettings(bench.folder, settingsOf(bench.url, { marker: { path: 'marker', parser: 'text' } }));
  await millpond.client.reload();
  await pair(bench, 1); // learns the marker
  compare(bench, 'nothing changed, with probe', await pair(bench, options.repeat), 0.2);
  const changed = await pair(bench, options.repeat, { change: true });
  compare(bench, `${CHANGED} changed files, with probes`, changed, 1.2);
  report.say('replay of the last change list, ms', logFigures(bench, /in (\d+) ms\.$/, /made equal/));
  report.say('publish step, ms (goal <= 500)', logFigures(bench, /in (\d+) ms\.$/, /published/));
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${millpond.child.pid}/status`, 'utf8'))?.[1];
  report.say('peak memory of Millpond, MB (goal <= 150)', [Math.round(Number(peak) / 1024)]);
}

interface Figures {
  readonly millpond: number[];
  readonly rsync: number[];
}

async function pair(bench: Bench, repeat: number, how: { change?: boolean } = {}): Promise<Figures> {
  const figures: Figures = { millpond: [], rsync: [] };
  for (let i = 0; i < repeat; i++) {
    if (how.change) change(bench);
    figures.millpond.push(await syncAll(bench.millpond, ['up']));
    figures.rsync.push(await timed('rsync', ['-a', '--delete', bench.url, `${join(bench.folder, 'plain')}/`]));
  }
  return figures;
}

function compare({ report }: Bench, name: string, { millpond, rsync }: Figures, most: number | null): void {
  const goal = most === null ? null : { most };
  report.compare({ name, unit: 'ms', peer: 'rsync', ours: millpond, theirs: rsync, goal });
}

let round = 0;
/** The same number of files everywhere in the tree, with new content of another size. */
function change({ up, options }: Bench): void {
  round++;
  const step = Math.max(1, Math.floor(options.files / CHANGED));
  for (let i = 0; i < options.files; i += step) writeFile(up, i, round);
  writeFileSync(join(up, 'marker'), String(round));
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
