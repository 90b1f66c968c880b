import type { Command } from 'commander';
import type { CliContext } from '../context.js';

export function addRollback(program: Command, context: CliContext): void {
  program
    .command('rollback')
    .description('serve the previous generation of a mirror again, and pause the mirror')
    .argument('<mirror>')
    .action(async (mirror: string) => {
      const result = await context.client().rollback(mirror);
      await context.print(
        result,
        () =>
          `${mirror} is served from generation ${result.generation} again, and is paused. ` +
          `To take what upstream has: millpond resume ${mirror}`,
      );
    });
}
