import type { Command } from 'commander';
import type { ImagePlan } from '../../core/oci/image-plan.js';
import { formatBytes, formatCount } from '../../core/units.js';
import type { CliContext } from '../context.js';
import { table } from '../table.js';

export function addImagesPlan(images: Command, context: CliContext): void {
  images
    .command('plan')
    .description('ask upstream what the next run of all mirrored images, or of one, would fetch; nothing is fetched')
    .argument('[repository]')
    .action(async (name: string | undefined) => {
      const plans = await context.client().planImages(name ?? null);
      await context.print(plans, () => plansText(plans));
    });
}

function plansText(plans: readonly ImagePlan[]): string {
  if (plans.length === 0) return 'No images are configured.';
  const rows = plans.map(({ name, tags, changed, manifests, blobs, bytes, pulls, remaining }) => [
    ...[name, formatCount(tags), formatCount(changed), formatCount(manifests), formatCount(blobs), formatBytes(bytes)],
    `${formatCount(pulls)}${remaining === null ? '' : ` of ${formatCount(remaining)}`}`,
  ]);
  const head = ['REPOSITORY', 'TAGS', 'CHANGED', 'MANIFESTS', 'BLOBS', 'TO FETCH', 'PULLS'];
  const all = plans.reduce((sum, { bytes }) => sum + bytes, 0);
  const over = plans.filter(({ pulls, remaining }) => remaining !== null && pulls > remaining);
  return [
    table([head, ...rows]),
    ...(plans.length > 1 ? ['', `${formatBytes(all)} in all; what several of them have is fetched once.`] : []),
    ...over.map(({ name }) => `${name}: its registry allows fewer pulls now; the run waits for more.`),
  ].join('\n');
}
