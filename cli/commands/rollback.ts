import type { Command } from 'commander';
import type { CliContext } from '../context.js';

export function addRollback(program: Command, context: CliContext): void {
  program
    .command('rollback')
    .description('serve the previous generation of a mirror again, or a kept one, and pause the mirror')
    .argument('<mirror>')
    .option('--to <time>', 'a kept generation, by its name: 2026-11-23T06:00Z')
    .action(async (mirror: string, { to }: { to?: string }) => {
      const result = await context.client().rollback(mirror, to?.replace(/^@/, '') ?? null);
      await context.print(
        result,
        () =>
          `${mirror} is served from generation ${result.generation} again, and is paused. ` +
          `To take what upstream has: millpond resume ${mirror}`,
      );
    });
}
