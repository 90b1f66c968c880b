import type { Command } from 'commander';
import type { Candidate, TidyReport } from '../../content/collect-garbage.js';
import { shortDigest } from '../../core/oci/digest.js';
import { formatBytes, formatCount } from '../../core/units.js';
import type { CliContext } from '../context.js';
import { itemsOf } from '../control-lines.js';

/** That of a short digest. */
const DIGEST_WIDTH = 12;

export function addImagesCollect(images: Command, context: CliContext): void {
  images
    .command('gc')
    .description('remove now what no image needs and no rule keeps; Millpond does so by itself every ten minutes')
    .option('--dry-run', 'only say what would go, and why')
    .action(async ({ dryRun = false }: { dryRun?: boolean }) => {
      const lines = itemsOf(await context.client().collectImages({ dryRun }));
      for await (const line of lines)
        await context.print(line, () => (line.type === 'item' ? itemText(line) : endText(line, dryRun)));
    });
}

function itemText(item: Candidate): string {
  const text = `${formatBytes(item.bytes).padStart(7)}  ${nameOf(item)}${item.why}`;
  return `${(item.kind === 'upload' ? '' : shortDigest(item.digest)).padEnd(DIGEST_WIDTH)}  ${text}`;
}

function nameOf(item: Candidate): string {
  return item.kind === 'tag' ? `${item.repository}:${item.tag}: ` : '';
}

function endText({ uploads, fetches, tags, removed, bytes }: TidyReport, dryRun: boolean): string {
  const parts = [
    ...(uploads > 0 ? [counted(uploads, 'upload')] : []),
    ...(fetches > 0 ? [counted(fetches, 'unfinished fetch', 'es')] : []),
    ...(tags > 0 ? [counted(tags, 'tag')] : []),
    ...(removed > 0 ? [`${counted(removed, 'blob')} (${formatBytes(bytes)})`] : []),
  ];
  const last = parts.pop();
  if (last === undefined) return dryRun ? 'Nothing would be removed.' : 'Nothing was removed: all of it is needed.';
  const all = parts.length > 0 ? `${parts.join(', ')} and ${last}` : last;
  return dryRun ? `${all} would be removed; nothing was changed.` : `${all} removed.`;
}

function counted(count: number, one: string, plural = 's'): string {
  return `${formatCount(count)} ${one}${count === 1 ? '' : plural}`;
}
