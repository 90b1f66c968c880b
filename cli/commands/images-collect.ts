import type { Command } from 'commander';
import { shortDigest } from '../../core/oci/digest.js';
import { formatBytes, formatCount } from '../../core/units.js';
import type { CliContext } from '../context.js';
import { itemsOf } from '../control-lines.js';

export function addImagesCollect(images: Command, context: CliContext): void {
  images
    .command('gc')
    .description('remove now what no image needs; Millpond does so by itself every ten minutes')
    .option('--dry-run', 'only say what would go, and why')
    .action(async ({ dryRun = false }: { dryRun?: boolean }) => {
      const lines = itemsOf(await context.client().collectImages({ dryRun }));
      for await (const line of lines)
        await context.print(line, () => (line.type === 'item' ? itemText(line) : endText(line, dryRun)));
    });
}

function itemText({ digest, bytes, why }: { digest: string; bytes: number; why: string }): string {
  return `${shortDigest(digest)}  ${formatBytes(bytes).padStart(7)}  ${why}`;
}

function endText({ removed, bytes }: { removed: number; bytes: number }, dryRun: boolean): string {
  if (removed === 0) return dryRun ? 'Nothing would be removed.' : 'Nothing was removed: all of it is needed.';
  const blobs = `${formatCount(removed)} ${removed === 1 ? 'blob' : 'blobs'} (${formatBytes(bytes)})`;
  return dryRun ? `${blobs} would be removed; nothing was changed.` : `${blobs} removed.`;
}
