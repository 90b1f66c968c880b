import type { Command } from 'commander';
import type { BlobCount, ImagePlan } from '../../core/oci/image-plan.js';
import { formatBytes, formatCount } from '../../core/units.js';
import type { CliContext } from '../context.js';
import { itemsOf } from '../control-lines.js';

export function addImagesPlan(images: Command, context: CliContext): void {
  images
    .command('plan')
    .description('ask upstream what the next run of all mirrored images, or of one, would fetch; nothing moves')
    .argument('[repository]')
    .option('--cheap', 'ask only for what costs no pull: bytes stay unknown')
    .action(async (name: string | undefined, { cheap = false }: { cheap?: boolean }) => {
      for await (const line of itemsOf(await context.client().planImages({ name: name ?? null, cheap })))
        if (line.type === 'item') await context.print(line, () => planText(line));
        else if (line.plans === 0) await context.print(line, () => 'No images are configured.');
    });
}

function planText(plan: ImagePlan): string {
  const { name, listed, chosen, same, moving, going, toFetch, here, problems } = plan;
  const facts = [
    `${tags(chosen.length)} of ${formatCount(listed)} upstream: ${formatCount(same)} as they are here, ` +
      `${formatCount(moving.length)} new or moved${namesText(moving)}`,
    ...(going.length > 0 ? [`${tags(going.length)} here would go${namesText(going)}`] : []),
    ...(toFetch ? [`to fetch: ${blobsText(toFetch)}${here ? `; here already: ${blobsText(here)}` : ''}`] : []),
    pullsText(plan),
    ...problems,
  ];
  return [`${name}:`, ...facts.map((fact) => `  ${fact}`)].join('\n');
}

function pullsText({ pulls, spent, isExact }: ImagePlan): string {
  const count = `${isExact ? '' : 'at least '}${formatCount(pulls)} ${pulls === 1 ? 'pull' : 'pulls'}`;
  return `${count} that the registry may count${spent > 0 ? `, ${formatCount(spent)} of them already made by this plan` : ''}`;
}

const MOST_NAMES = 8;

function namesText(names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > MOST_NAMES ? `, and ${formatCount(names.length - MOST_NAMES)} more` : '';
  return ` (${names.slice(0, MOST_NAMES).join(', ')}${more})`;
}

function tags(count: number): string {
  return `${formatCount(count)} ${count === 1 ? 'tag' : 'tags'}`;
}

function blobsText({ blobs, bytes }: BlobCount): string {
  return `${formatCount(blobs)} ${blobs === 1 ? 'blob' : 'blobs'} (${formatBytes(bytes)})`;
}
