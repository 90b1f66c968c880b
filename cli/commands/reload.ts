import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { reloadSentence } from '../lifecycle.js';

export function addReload(program: Command, context: CliContext): void {
  program
    .command('reload')
    .description('apply the changed configuration; one that is wrong is refused whole')
    .action(async () => {
      const result = await context.client().reload();
      await context.print(result, () => reloadSentence(result.changed));
    });
}
