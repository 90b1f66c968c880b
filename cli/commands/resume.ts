import type { Command } from 'commander';
import type { CliContext } from '../context.js';

export function addResume(program: Command, context: CliContext): void {
  program
    .command('resume')
    .description('start runs of a paused mirror again')
    .argument('<mirror>')
    .action(async (mirror: string) => {
      const status = await context.client().resume(mirror);
      await context.print(status, () => `${mirror} is no longer paused. ${status.verdict.next.text}`);
    });
}
