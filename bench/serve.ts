import { join } from 'node:path';
import { Crowd } from './crowd.js';
import { Report } from './report.js';
import { sequence, writeServedFiles, type ServedFiles } from './serve-files.js';
import { download, entityTagOf, memoryUnderSlowClients, requestsASecond, type Asked } from './serve-load.js';
import { startExpress, startNginx, startOurs, type FileServer, type OurServer } from './serve-servers.js';
import { Workbench } from './workbench.js';

export interface ServeBenchOptions {
  readonly repeat: number;
  /** Of one measurement with wrk. */
  readonly seconds: number;
  /** Rows alone; default: all. */
  readonly only?: readonly string[];
  /** A large file of 64 MiB, and one short round. */
  readonly quick?: boolean;
  readonly json?: boolean;
}

interface ServeBench {
  readonly workbench: Workbench;
  readonly report: Report;
  readonly options: ServeBenchOptions;
  readonly files: ServedFiles;
  readonly ours: OurServer;
  readonly nginx: FileServer;
  /** The folder that holds the mirror as it is served. */
  readonly root: string;
}

const CONNECTIONS = 32;
const SLOW_CLIENTS = 2_000;
const CROWD = { slow: SLOW_CLIENTS, idle: 10_000 };
/** Seconds after which each slow client takes some more. */
const CROWD_STEPS = 10;
const MIX = 2_000;
const MIB = 1024 ** 2;

const ROWS: Readonly<Record<string, (bench: ServeBench) => Promise<void>>> = {
  large: async (bench) => {
    await alsoLogged(bench, (note) => compareDownloads(bench, 1, note));
    await compareDownloads(bench, 8);
  },
  medium: (bench) =>
    alsoLogged(bench, (note) =>
      compare(bench, `1,000 files of 100 KB${note}`, () => plain(bench.files.medium), { least: 1, status: 200 }),
    ),
  small: (bench) =>
    alsoLogged(bench, (note) =>
      compare(bench, `1,000 files of 4 KB${note}`, () => plain(bench.files.small), { least: 0.9, status: 200 }),
    ),
  unchanged: (bench) =>
    compare(bench, 'If-None-Match, 304', (server) => conditional(server, bench.files.small.slice(0, 50)), {
      ...{ least: 1, status: 304 },
    }),
  absent: (bench) =>
    compare(bench, 'not there, 404', () => plain(bench.files.small.map((path) => `${path}.gone`)), {
      ...{ least: 1, status: 404 },
    }),
  listing: (bench) =>
    compare(bench, 'listing of 10,000 entries', () => plain([bench.files.listing]), { least: 1, status: 200 }),
  mix: (bench) => compare(bench, 'like a mirror', (server) => mixOf(server, bench.files), { least: 1 }),
  express: compareExpress,
  slow: async ({ report, options, files, ours }) => {
    const load = { path: files.big, count: SLOW_CLIENTS, seconds: options.quick ? 5 : 20 };
    report.within(`${SLOW_CLIENTS} slow clients, RSS, MB`, await memoryUnderSlowClients(ours, load), 150);
  },
  crowd: compareInCrowd,
};

export const SERVE_ROWS: readonly string[] = Object.keys(ROWS);

/** Measures Millpond in turn with nginx on the same files and prints the medians and their ratio. */
export async function benchServe(given: ServeBenchOptions): Promise<void> {
  const options = given.quick ? { ...given, repeat: 1, seconds: 2 } : given;
  const report = new Report('serve', options);
  await Workbench.use(async (workbench) => {
    const upstream = join(workbench.folder, 'up');
    const files = writeServedFiles(upstream, options.quick ? 64 * MIB : 1024 * MIB);
    const { server: ours, root } = await startOurs(workbench, upstream);
    const nginx = await startNginx(workbench, root);
    for (const [name, row] of Object.entries(ROWS))
      if (options.only === undefined || options.only.includes(name))
        await row({ workbench, report, options, files, ours, nginx, root });
    await workbench.end(ours.child);
  });
}

/** Measures without an access log, then with one; `note` belongs to the name of the row. */
async function alsoLogged({ ours }: ServeBench, measure: (note: string) => Promise<void>): Promise<void> {
  await measure('');
  await ours.setAccessLog(true);
  await measure(', access log');
  await ours.setAccessLog(false);
}

async function compare(
  { workbench, report, options, ours, nginx }: Pick<ServeBench, 'workbench' | 'report' | 'options' | 'ours' | 'nginx'>,
  name: string,
  requestsFor: (server: FileServer) => readonly Asked[] | Promise<readonly Asked[]>,
  goal: { least: number; status?: number },
): Promise<void> {
  const how = { connections: CONNECTIONS, seconds: options.seconds, folder: workbench.folder };
  const measure = async (server: FileServer): Promise<number> =>
    requestsASecond(server, {
      ...{ ...how, requests: await requestsFor(server) },
      ...(goal.status === undefined ? {} : { status: goal.status }),
    });
  const [our, their]: [number[], number[]] = [[], []];
  for (let round = 0; round < options.repeat; round++) {
    our.push(await measure(ours));
    their.push(await measure(nginx));
  }
  report.compare({ name, unit: '/s', peer: nginx.name, ours: our, theirs: their, goal: { least: goal.least } });
}

async function compareDownloads(
  { report, options, files, ours, nginx }: ServeBench,
  clients: number,
  note = '',
): Promise<void> {
  const load = { path: files.big, size: files.bigSize, clients, downloads: 8 };
  const [our, their]: [Awaited<ReturnType<typeof download>>[], Awaited<ReturnType<typeof download>>[]] = [[], []];
  for (let round = 0; round < options.repeat; round++) {
    our.push(await download(ours, load));
    their.push(await download(nginx, load));
  }
  const name = `a file of ${files.bigSize / MIB} MiB, ${clients} ${clients === 1 ? 'client' : 'clients'}${note}`;
  const figures = (which: 'rate' | 'cpu') => ({
    ours: our.map((one) => one[which]),
    theirs: their.map((one) => one[which]),
  });
  report.compare({ name, unit: 'MB/s', peer: nginx.name, ...figures('rate'), goal: { least: 1 } });
  report.compare({ name: `${name}, CPU`, unit: 's/GiB', peer: nginx.name, ...figures('cpu'), goal: { most: 1 } });
}

async function compareExpress(bench: ServeBench): Promise<void> {
  const express = await startExpress(bench.workbench, bench.root);
  const { small, medium } = bench.files;
  const beside = { ...bench, nginx: express };
  await compare(beside, '4 KB, beside express.static', () => plain(small), { least: 8, status: 200 });
  await compare(beside, '100 KB, beside express.static', () => plain(medium), { least: 8, status: 200 });
  await bench.workbench.end(express.child);
}

/** What others get while most connections are held by clients that take next to nothing, and what they get without these. */
async function compareInCrowd({ workbench, report, options, files, ours }: ServeBench): Promise<void> {
  const how = { connections: CONNECTIONS, seconds: options.seconds, folder: workbench.folder };
  const measure = () => requestsASecond(ours, { ...how, requests: plain(files.small), status: 200 });
  await measure(); // the files are in memory from now on
  const [within, alone]: [number[], number[]] = [[], []];
  for (let round = 0; round < options.repeat; round++) {
    alone.push(await measure());
    const crowd = await Crowd.gather(ours, files.big, CROWD, CROWD_STEPS);
    try {
      within.push(await measure());
      crowd.check();
    } finally {
      crowd.leave();
    }
  }
  const name = `4 KB, beside ${CROWD.slow} slow and ${CROWD.idle} idle`;
  report.compare({ name, unit: '/s', peer: 'alone', ours: within, theirs: alone, goal: { least: 0.8 } });
}

function plain(paths: readonly string[]): Asked[] {
  return paths.map((path) => ({ path }));
}

function conditional(server: FileServer, paths: readonly string[]): Promise<Asked[]> {
  return Promise.all(
    paths.map(async (path) => ({ path, headers: { 'If-None-Match': await entityTagOf(server, path) } })),
  );
}

/**
 * 60 % indexes with conditions, of which three in four have not changed; 35 % packages; 5 % ranges of 1 MiB of an image.
 */
async function mixOf(server: FileServer, files: ServedFiles): Promise<Asked[]> {
  const random = sequence();
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const unchanged = await conditional(server, files.indexes);
  return Array.from({ length: MIX }, () => {
    const kind = random();
    if (kind < 0.45) return pick(unchanged);
    if (kind < 0.6) return { path: pick(files.indexes), headers: { 'If-None-Match': '"before"' } };
    if (kind < 0.95) return { path: pick(files.packages) };
    const first = Math.floor(random() * (files.bigSize / MIB - 1)) * MIB;
    return { path: files.big, headers: { Range: `bytes=${first}-${first + MIB - 1}` } };
  });
}
