import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { addImagesCollect } from './images-collect.js';
import { addImagesList } from './images-list.js';
import { addImagesPlan } from './images-plan.js';
import { addImagesRemove } from './images-remove.js';
import { addImagesRollback } from './images-rollback.js';
import { addImagesScrub } from './images-scrub.js';
import { withSync } from './sync.js';

export function addImages(program: Command, context: CliContext): void {
  const images = program.command('images').description('what to see and do about container images');
  addImagesList(images, context);
  addImagesPlan(images, context);
  withSync(images.command('sync'), context)
    .description('ask for a run of a repository of images now, as `millpond sync` does')
    .argument('<repository>');
  addImagesRollback(images, context);
  addImagesCollect(images, context);
  addImagesScrub(images, context);
  addImagesRemove(images, context);
}
