import type { ImagesBench, ImagesBenchOptions, ImagesPart } from './images-bench.js';
import { benchImagesServe } from './images-serve.js';
import { benchImagesSync } from './images-sync.js';
import { benchImagesTags } from './images-tags.js';
import { Report } from './report.js';
import { Workbench } from './workbench.js';

const PARTS: Readonly<Record<ImagesPart, (bench: ImagesBench) => Promise<void>>> = {
  sync: benchImagesSync,
  serve: benchImagesServe,
  tags: benchImagesTags,
};

export const IMAGES_PARTS: readonly string[] = Object.keys(PARTS);

/** Measures Millpond in turn with skopeo and docker-registry and prints the medians and their ratio. */
export async function benchImages(options: ImagesBenchOptions): Promise<void> {
  const report = new Report('images', options);
  for (const [name, part] of Object.entries(PARTS))
    if (options.only === undefined || options.only === name)
      await Workbench.use((workbench) => part({ workbench, report, options }));
}
