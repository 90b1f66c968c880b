import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Report } from './report.js';
import { runClients, SoakTally } from './soak-clients.js';
import { SoakTree } from './soak-tree.js';
import { MIRROR } from './serve-servers.js';
import { startMillpond, syncAll, Workbench, type Program } from './workbench.js';

export interface SoakOptions {
  readonly seconds: number;
  readonly json?: boolean;
}

/** What is held while nobody asks. Memory in MB, after garbage was collected. */
export interface Holdings {
  readonly descriptors: number;
  readonly resident: number;
  /** Of JavaScript, with the buffers beside it. */
  readonly used: number;
}

export interface SoakResult {
  readonly publishes: number;
  /** Answers by what was asked and their status. */
  readonly answers: Readonly<Record<string, number>>;
  /** What must not be, a sentence each. */
  readonly wrong: readonly string[];
  readonly before: Holdings;
  readonly after: Holdings;
}

/** How much more may be held in the end. What is resident falls to pieces: what is used is the sharper measure. */
export const MOST_MORE: Holdings = { descriptors: 2, resident: 64, used: 16 };

const PUBLISH_EVERY_MS = 1_000;
/** Of the time, before what is held is looked at for the first time: caches and pools are as full as they get. */
const WARM_UP = 0.2;
const SETTLE_MS = 3_000;

/** One soak on each road that long bodies take. */
export async function benchSoak(options: SoakOptions): Promise<void> {
  const report = new Report('soak', options);
  for (const road of ['addon', 'off']) {
    const result = await soak(options.seconds, road);
    report.say(`${road}: publishes`, [result.publishes]);
    for (const [what, count] of Object.entries(result.answers)) report.say(`${road}: ${what}`, [count]);
    for (const what of ['descriptors', 'resident', 'used'] as const)
      report.within(`${road}: ${what} more than before`, result.after[what] - result.before[what], MOST_MORE[what]);
    report.within(`${road}: wrong answers`, result.wrong.length, 0);
    if (result.wrong.length > 0) throw new Error(result.wrong.slice(0, 10).join('\n'));
  }
}

/** Publishes again and again while clients of many kinds ask. `road` is MILLPOND_SENDFILE. */
export async function soak(seconds: number, road: string): Promise<SoakResult> {
  const results: SoakResult[] = [];
  await Workbench.use(async (workbench) => {
    const upstream = join(workbench.folder, 'up');
    mkdirSync(upstream);
    const settings = { mirrors: { [MIRROR]: { upstream: `${upstream}/`, schedule: 'manual' } } };
    // the collector is called by a signal
    const collect = `data:text/javascript,process.on("SIGUSR2",()=>{gc();gc();console.log(JSON.stringify(process.memoryUsage()))})`;
    const program = await startMillpond(workbench, join(workbench.folder, 'millpond'), settings, {
      nodeOptions: ['--expose-gc', '--import', collect],
      env: { MILLPOND_SENDFILE: road },
    });
    results.push(await soakProgram(program, new SoakTree(upstream), seconds));
    await workbench.end(program.child);
  });
  const [result] = results;
  if (!result) throw new Error('the soak did not end');
  return result;
}

async function soakProgram(program: Program, tree: SoakTree, seconds: number): Promise<SoakResult> {
  const tally = new SoakTally();
  const publisher = new Publisher(program, tree);
  await publisher.publish();
  await publisher.publish();
  const round = async (length: number): Promise<Holdings> => {
    const stop = AbortSignal.timeout(length);
    const scene = { url: `${program.url}/${MIRROR}/`, tree, tally, signal: stop, published: () => publisher.published };
    await Promise.all([runClients(scene), publisher.publishUntil(stop)]);
    await publisher.publish(); // what was kept open of the trees before is closed
    return holdingsOf(program);
  };
  const before = await round(seconds * 1000 * WARM_UP);
  const after = await round(seconds * 1000 * (1 - WARM_UP));
  const answers = Object.fromEntries([...tally.answers].sort());
  return { publishes: tree.newest + 1, answers, wrong: tally.wrong, before, after };
}

class Publisher {
  /** The generation that was published last. */
  published = -1;

  constructor(
    private readonly program: Program,
    private readonly tree: SoakTree,
  ) {}

  async publish(): Promise<void> {
    this.tree.writeNext();
    await syncAll(this.program, [MIRROR]);
    this.published = this.tree.newest;
  }

  async publishUntil(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const next = delay(PUBLISH_EVERY_MS);
      await this.publish();
      await next;
    }
  }
}

/** Connections that clients have left take a moment to be closed. */
async function holdingsOf(program: Program): Promise<Holdings> {
  const { pid = 0, stdout } = program.child;
  let said = '';
  const hear = (chunk: Buffer): void => void (said += chunk.toString());
  stdout?.on('data', hear);
  let lowest = Infinity;
  for (let waited = 0; waited < SETTLE_MS; waited += 200) {
    lowest = Math.min(lowest, readdirSync(`/proc/${pid}/fd`).length);
    await delay(200);
  }
  process.kill(pid, 'SIGUSR2');
  while (!said.includes('}\n')) await delay(20);
  stdout?.off('data', hear);
  const memory = JSON.parse(said.slice(said.indexOf('{'))) as NodeJS.MemoryUsage;
  const resident = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  return { descriptors: lowest, resident, used: (memory.heapUsed + memory.external) / 1024 ** 2 };
}
