import type { Command } from 'commander';
import { shortDigest } from '../../core/oci/digest.js';
import { utcMinute } from '../../core/sentence.js';
import { formatBytes, formatCount } from '../../core/units.js';
import type { ScrubLine } from '../../server/control-images.js';
import type { CliContext } from '../context.js';
import { itemsOf } from '../control-lines.js';

type Line = Exclude<ScrubLine, { type: 'error' }>;

export function addImagesScrub(images: Command, context: CliContext): void {
  images
    .command('scrub')
    .description(
      'hash what is due, fetch again what is wrong, and list what could not be; exit 1 when something is left',
    )
    .option('--all', 'hash every blob, at the same slow pace')
    .action(async ({ all = false }: { all?: boolean }) => {
      for await (const line of itemsOf(await context.client().scrubImages({ all }))) {
        if (line.type === 'end' && line.bad.length > 0) context.exitCode = 1;
        await context.print(line, () => lineText(line));
      }
    });
}

function lineText(line: Line): string {
  if (line.type === 'end') return endText(line);
  const { digest, reason, repositories, repaired } = line;
  const state = repaired ? 'was fetched again and is right' : 'is set aside, since no upstream has given it';
  return `${shortDigest(digest)} of ${repositories.join(', ') || 'no repository'} ${state} (${reason})`;
}

function endText({ checked, bytes, found, repaired, bad }: Extract<Line, { type: 'end' }>): string {
  const head =
    `${formatCount(checked)} ${checked === 1 ? 'blob' : 'blobs'} (${formatBytes(bytes)}) hashed, ` +
    `${formatCount(found)} wrong, ${formatCount(repaired)} repaired.`;
  if (bad.length === 0) return head;
  const list = bad.map(
    ({ digest, size, reason, foundAt }) => `  ${digest} (${formatBytes(size)}), since ${utcMinute(foundAt)}: ${reason}`,
  );
  return [head, 'Still wrong; they are asked for again each hour, and pushing them again repairs them:', ...list].join(
    '\n',
  );
}
