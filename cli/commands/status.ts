import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { mirrorText, programText } from '../status-text.js';

export function addStatus(program: Command, context: CliContext): void {
  program
    .command('status')
    .description('show the state of all mirrors, or all that is known of one')
    .argument('[mirror]')
    .action(async (mirror: string | undefined) => {
      const client = context.client();
      if (mirror === undefined) {
        const status = await client.status();
        await context.print(status, () => programText(status));
      } else {
        const status = await client.mirrorStatus(mirror);
        await context.print(status, () => mirrorText(status));
      }
    });
}
