import { InvalidArgumentError, type Command } from 'commander';
import type { HeldTree } from '../../core/held.js';
import { utcMinute } from '../../core/sentence.js';
import { displayName } from '../../core/tree-path.js';
import { countOf, formatBytes, formatCount, formatFiles } from '../../core/units.js';
import type { CliContext } from '../context.js';
import { table } from '../table.js';
import { askAndWait } from './sync.js';

const HELD_EXIT = 3;
const FOLDERS_SHOWN = 20;

export function addApprove(program: Command, context: CliContext): void {
  program
    .command('approve')
    .description('show what the guard holds back, or with --run publish just that')
    .argument('<mirror>')
    .option('--run <id>', 'the run that brought what you have looked at', runId)
    .action(async (mirror: string, { run }: { run?: number }) => {
      const client = context.client();
      if (run !== undefined) return askAndWait(context, client, mirror, () => client.approve(mirror, run));
      const held = await client.held(mirror);
      context.exitCode = HELD_EXIT;
      await context.print(held, () => heldText(held));
    });
}

/** Of an option. */
export function runId(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is the number of a run, as the page of what is held tells it.');
}

/** What waits for a person, and how to decide. */
function heldText({ mirror, runId: run, heldAt, report }: HeldTree): string {
  const { limits, change, folders, shrunk } = report;
  const rows = folders
    .filter(({ deletedFiles, changedFiles }) => deletedFiles + changedFiles > 0)
    .slice(0, FOLDERS_SHOWN)
    .map((each) => [
      `${displayName(each.folder)}/`,
      formatCount(each.deletedFiles),
      formatBytes(each.deletedBytes),
      formatCount(each.addedFiles),
      formatCount(each.changedFiles),
    ]);
  const more =
    folders.length > rows.length ? [`All ${countOf(folders.length, 'folder', 'folders')}: /status/${mirror}/held`] : [];
  return [
    `Run ${run} of ${mirror} is held since ${utcMinute(heldAt)}.`,
    ...limits.map(({ sentence }) => sentence),
    `In all ${formatFiles(change.deletedFiles)} (${formatBytes(change.deletedBytes)}) would go.`,
    ...shrunk.map(({ path, before, after }) => `${displayName(path)}: ${formatBytes(before)} -> ${formatBytes(after)}`),
    '',
    table([['FOLDER', 'DELETED', 'BYTES', 'ADDED', 'CHANGED'], ...rows]),
    ...more,
    '',
    `To publish it: millpond approve ${mirror} --run ${run}`,
    `To drop it:    millpond reject ${mirror} --run ${run}`,
  ].join('\n');
}
