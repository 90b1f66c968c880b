import type { Command } from 'commander';
import type { CliContext } from '../context.js';

export function addCancel(program: Command, context: CliContext): void {
  program
    .command('cancel')
    .description('end the running run of a mirror and drop the waiting one')
    .argument('<mirror>')
    .action(async (mirror: string) => {
      const result = await context.client().cancel(mirror);
      await context.print(result, () => {
        if (result.cancelled.length === 0)
          return `Nothing was cancelled: ${mirror} has no run that can still be ended.`;
        return `Cancelled run ${result.cancelled.join(' and ')} of ${mirror}.`;
      });
    });
}
