import type { Command } from 'commander';
import { MillpondError } from '../../core/errors.js';
import { formatBytes, formatCount } from '../../core/units.js';
import type { CliContext } from '../context.js';
import { parseImageName } from '../image-name.js';

export function addImagesRemove(images: Command, context: CliContext): void {
  images
    .command('rm')
    .description('remove a repository of images with all its tags, or one tag of it; not one that is mirrored')
    .argument('<repository[:tag]>')
    .option('-y, --yes', 'do it; else only say what would go')
    .action(async (name: string, { yes = false }: { yes?: boolean }) => {
      const { repository, tag } = parseImageName(name);
      const client = context.client();
      if (!yes) throw unsure(name, await client.repository(repository), tag);
      const gone = await client.removeImages(repository, tag);
      await context.print({ removed: name, repository: gone }, () => {
        if (tag !== null) return `${name} is removed. To have it back: millpond images rollback ${repository} ${tag}`;
        return `${name} is removed. Its ${formatBytes(gone.own)} become free by the next garbage collections.`;
      });
    });
}

function unsure(name: string, { tags, own }: { tags: number; own: number }, tag: string | null): MillpondError {
  const what =
    tag === null
      ? `"${name}" has ${formatCount(tags)} ${tags === 1 ? 'tag' : 'tags'} and ${formatBytes(own)} that no other repository has`
      : `"${name}" is a tag that clients may be using`;
  return new MillpondError('conflict', `${what}; nothing was removed`, {
    hint: `To remove it: millpond images rm ${name} --yes`,
  });
}
