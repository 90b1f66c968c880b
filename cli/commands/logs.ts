import { InvalidArgumentError, type Command } from 'commander';
import { MillpondError } from '../../core/errors.js';
import type { ControlClient } from '../client.js';
import type { CliContext } from '../context.js';
import { linesOf } from '../lines.js';

interface Options {
  readonly run?: number;
  readonly follow?: boolean;
}

const LONGEST_LINE = 64 * 1024;
const RUNS_LOOKED_AT = 30;

export function addLogs(program: Command, context: CliContext): void {
  program
    .command('logs')
    .description('print the log of a run of a mirror: the running one, else the newest')
    .argument('<mirror>')
    .option('--run <id>', 'of this run', runNumber)
    .option('-f, --follow', 'go on until the run has ended')
    .action(async (mirror: string, { run, follow = false }: Options) => {
      const client = context.client();
      const id = run === undefined ? await newestRun(client, mirror) : await runOfMirror(client, mirror, run);
      const chunks = await client.log(id, { follow });
      for await (const line of linesOf(chunks, LONGEST_LINE)) await context.print({ run: id, line }, () => line);
    });
}

export function runNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It must be the number of a run.');
  return Number(text);
}

/** The running run; else the newest that has started; else the one that waits. */
async function newestRun(client: ControlClient, mirror: string): Promise<number> {
  const runs = await client.runs(mirror, RUNS_LOOKED_AT);
  const newest =
    runs.find((run) => run.phase !== 'queued' && run.phase !== 'ended') ??
    runs.find((run) => run.startedAt !== null) ??
    runs[0];
  if (newest) return newest.id;
  throw new MillpondError('not-found', `${mirror} has had no run yet`, { hint: `Start one: millpond sync ${mirror}` });
}

async function runOfMirror(client: ControlClient, mirror: string, id: number): Promise<number> {
  const run = await client.run(id);
  if (run.mirror === mirror) return id;
  throw new MillpondError('invalid', `run ${id} is not one of ${mirror} but of ${run.mirror}`, {
    hint: `To see it: millpond logs ${run.mirror} --run ${id}`,
  });
}
