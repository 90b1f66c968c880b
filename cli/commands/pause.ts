import type { Command } from 'commander';
import type { CliContext } from '../context.js';

export function addPause(program: Command, context: CliContext): void {
  program
    .command('pause')
    .description('start no more runs of a mirror; a running one goes on, and the tree is served as before')
    .argument('<mirror>')
    .requiredOption('-r, --reason <text>', 'shown on the status page')
    .action(async (mirror: string, { reason }: { reason: string }) => {
      const status = await context.client().pause(mirror, reason);
      await context.print(status, () => `${mirror} is paused. To go on: millpond resume ${mirror}`);
    });
}
