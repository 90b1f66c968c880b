import type { Command } from 'commander';
import { shortDigest } from '../../core/oci/digest.js';
import type { CliContext } from '../context.js';

export function addImagesRollback(images: Command, context: CliContext): void {
  images
    .command('rollback')
    .description('let a tag point to what it pointed to before; a mirrored repository is paused')
    .argument('<repository>')
    .argument('<tag>')
    .option('--to <digest>', 'a former digest, or its first characters; else the last one')
    .action(async (repository: string, tag: string, { to }: { to?: string }) => {
      const done = await context.client().rollBackImage(repository, tag, to ?? null);
      await context.print(done, () => {
        const from = done.from === null ? '' : ` instead of ${shortDigest(done.from)}`;
        const paused = ` ${repository} is paused. To take what upstream has: millpond resume ${repository}`;
        return `${repository}:${tag} is ${shortDigest(done.to)} again${from}.${done.paused ? paused : ''}`;
      });
    });
}
