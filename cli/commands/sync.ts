import type { Command } from 'commander';
import { MillpondError, systemCode } from '../../core/errors.js';
import type { Run, RunOutcome } from '../../core/run.js';
import { utcMinute } from '../../core/sentence.js';
import type { ControlClient } from '../client.js';
import type { CliContext } from '../context.js';
import { runDisplay } from '../run-display.js';
import { runNumbersText } from '../status-text.js';

interface Options {
  readonly wait?: boolean;
  readonly force?: boolean;
}

const EXIT_CODES: Readonly<Record<RunOutcome, number>> = {
  updated: 0,
  unchanged: 0,
  failed: 1,
  cancelled: 1,
  quarantined: 1,
  interrupted: 1,
  held: 3,
};
const INTERRUPTED_EXIT = 130;

export function addSync(program: Command, context: CliContext): void {
  withSync(program.command('sync'), context)
    .description('ask for a run of a mirror now; while one runs, exactly one more follows it')
    .argument('<mirror>');
}

/** Lets a verb do what `sync` does with its first argument. */
export function withSync(command: Command, context: CliContext): Command {
  return command
    .option('-w, --wait', 'wait for its end: exit 0 updated or unchanged, 1 failed, 3 held for a person')
    .option('--force', 'ignore the marker, the guard, the pace and a pause')
    .action(async (mirror: string, { wait = false, force = false }: Options) => {
      const client = context.client();
      if (wait) return askAndWait(context, client, mirror, () => client.sync(mirror, { force }));
      const run = await client.sync(mirror, { force });
      await context.print(run, () => `${startSentence(run)} To follow it: millpond logs ${mirror} --follow`);
    });
}

/** Asks for a run and follows it to its end, which the exit code tells. */
export async function askAndWait(
  context: CliContext,
  client: ControlClient,
  mirror: string,
  ask: () => Promise<Run>,
): Promise<void> {
  // followed before it is asked for, so that not even the shortest run ends unseen
  const { events, close } = await client.events(mirror);
  let run: Run | undefined;
  let isInterrupted = false;
  const onInterrupt = (): void => {
    isInterrupted = true;
    close();
  };
  const display = runDisplay(context, () => run?.id);
  context.signals.on('SIGINT', onInterrupt);
  try {
    run = await ask();
    if (!context.json) await context.line(startSentence(run));
    for await (const event of events) {
      display.show(event);
      if (event.type === 'run.ended' && event.run.id === run.id) return await finish(context, event.run, display.clear);
    }
  } catch (error) {
    if (!isInterrupted && run && hasGone(error)) throw lostSight(mirror);
    if (!isInterrupted || isBrokenPipe(error)) throw error;
  } finally {
    context.signals.off('SIGINT', onInterrupt);
    display.clear();
    close();
  }
  if (!isInterrupted) throw lostSight(mirror);
  context.exitCode = INTERRUPTED_EXIT;
  context.note(goesOn(mirror, run));
}

async function finish(context: CliContext, run: Run, clear: () => void): Promise<void> {
  clear();
  context.exitCode = run.outcome === null ? 1 : EXIT_CODES[run.outcome];
  await context.print(run, () => endText(run));
}

function startSentence({ id, mirror, phase }: Run): string {
  return phase === 'queued' ? `Run ${id} of ${mirror} waits for its turn.` : `Run ${id} of ${mirror} has started.`;
}

function endText(run: Run): string {
  const lines = [`Run ${run.id} of ${run.mirror}: ${run.outcome ?? 'ended'}. ${run.message ?? ''}`.trim()];
  if (run.outcome === 'updated') lines.push(`${runNumbersText(run)}.`);
  if (run.outcome === 'held') lines.push(decision(run.mirror));
  if (run.retryAt !== null) lines.push(`It is tried again at ${utcMinute(run.retryAt)}.`);
  return lines.join('\n');
}

/** Tags of images are not kept aside, so that nothing of them can be approved. */
function decision(mirror: string): string {
  if (mirror.includes('/')) return `To let it through: millpond sync ${mirror} --force`;
  return `To see what would go, and to decide: millpond approve ${mirror}`;
}

function goesOn(mirror: string, run: Run | undefined): string {
  const which = run ? `Run ${run.id} of ${mirror}` : `The run of ${mirror}`;
  return `${which} goes on. To follow it: millpond logs ${mirror} --follow; to end it: millpond cancel ${mirror}`;
}

function lostSight(mirror: string): MillpondError {
  return new MillpondError('unavailable', `Millpond stopped telling about the run of ${mirror} before it had ended`, {
    hint: `It may have been stopped; the run then goes on at its next start. To see: millpond status ${mirror}`,
  });
}

function hasGone(error: unknown): boolean {
  return error instanceof MillpondError && error.code === 'unavailable';
}

function isBrokenPipe(error: unknown): boolean {
  return systemCode(error) === 'EPIPE';
}
