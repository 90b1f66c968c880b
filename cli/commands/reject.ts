import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { runId } from './approve.js';

export function addReject(program: Command, context: CliContext): void {
  program
    .command('reject')
    .description('drop what the guard holds back; the next run fetches anew')
    .argument('<mirror>')
    .requiredOption('--run <id>', 'the run that brought it, as millpond approve tells', runId)
    .action(async (mirror: string, { run }: { run: number }) => {
      const status = await context.client().reject(mirror, run);
      await context.print(
        status,
        () =>
          `What run ${run} of ${mirror} brought was dropped. The next run fetches the same again unless upstream mends ` +
          `it; to wait for that: millpond pause ${mirror} --reason "..."`,
      );
    });
}
