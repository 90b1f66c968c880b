import type { Command } from 'commander';
import type { CliContext } from '../context.js';

export function addRestartWorkers(program: Command, context: CliContext): void {
  program
    .command('restart-workers')
    .description('replace the workers one after the other; no connection is refused and no download cut')
    .action(async () => {
      const result = await context.client().restartWorkers();
      const { restarted } = result;
      await context.print(result, () => `Restarted ${restarted} worker${restarted === 1 ? '' : 's'}.`);
    });
}
