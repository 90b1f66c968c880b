import type { Command } from 'commander';
import type { HelpCheckLine } from '../../server/control-help.js';
import type { CliContext } from '../context.js';
import { itemsOf } from '../control-lines.js';

type Line = Exclude<HelpCheckLine, { type: 'error' }>;

export function addHelpCheck(program: Command, context: CliContext): void {
  program
    .command('help-check')
    .description('try out the instructions of mirrors with apt, dnf and pacman on this machine; exit 1 when one fails')
    .argument('[mirror]', 'of this one only')
    .action(async (mirror?: string) => {
      for await (const line of itemsOf(await context.client().checkHelp(mirror ?? null))) {
        if (line.type === 'end' && line.failed > 0) context.exitCode = 1;
        await context.print(line, () => lineText(line));
      }
    });
}

function lineText(line: Line): string {
  if (line.type === 'end')
    return line.checked === 0
      ? 'Nothing to try out: no published mirror has instructions for apt, dnf or pacman.'
      : `${line.checked} tried out, ${line.failed} failed.`;
  const { mirror, form, choices, result, sentence } = line;
  const words = { worked: 'ok', failed: 'failed', untested: 'not tested' } as const;
  return `${mirror}, ${form}${choices ? ` (${choices})` : ''}: ${words[result]}: ${sentence}`;
}
