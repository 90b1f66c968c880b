import { ImagesUpkeep } from '../../sync/images-upkeep.js';
import { Uploads } from '../../content/uploads.js';
import { MillpondError } from '../../core/errors.js';
import type { Digest } from '../../core/oci/digest.js';
import type { ImagePlan } from '../../core/oci/image-plan.js';
import { createLog } from '../../platform/log.js';
import { ImageStore } from '../content/image-store.js';
import type { Content } from '../fixtures/image-builder.js';
import type { ImageControls } from '../../server/control-images.js';
import { HUB_USE } from '../server/image-scene.js';
import { CONFIG, NOW, openControlScene, type ControlScene, type SceneParts } from './scene.js';

export const MIRRORED = 'quay.io/team/app';

const IMAGES = `${CONFIG}
registries:
  quay.io: { url: "https://quay.io" }
images:
  - { from: ${MIRRORED}, tags: ["*"], schedule: manual }
registry:
  push: ["lab/**"]
  retention: [{ repositories: ["lab/ci/*"], tags: ["nightly-*"], keep_newest: 1, older_than: 30d }]
`;

export const PLAN: ImagePlan = {
  ...{ name: MIRRORED, listed: 40, chosen: ['1', '2', '3'], same: 1, moving: ['2', '3'], going: ['0'] },
  ...{ pulls: 6, spent: 2, toFetch: { blobs: 11, bytes: 123_456_789 }, here: { blobs: 1, bytes: 5_000 } },
  ...{ isExact: false, problems: ['3: the registry does not have it.'] },
};

export interface ImagesScene extends ControlScene {
  readonly images: ImageStore;
  /** What upstream has when a bad blob is asked for again. */
  readonly upstream: Map<Digest, Content>;
  /** Since when registries cannot be asked. */
  readonly troubles: Map<string, number>;
}

/** A control socket over real images: garbage collection and scrub are those of the program, only upstream is scripted. */
export async function openImagesScene(): Promise<ImagesScene> {
  const upstream = new Map<Digest, Content>();
  const troubles = new Map<string, number>();
  let images: ImageStore | undefined;
  const controls = (parts: SceneParts): ImageControls => {
    const here = ImageStore.over(parts);
    here.now = NOW;
    images = here;
    const { store, layout, blobs, clock } = here;
    const upkeep = new ImagesUpkeep({
      ...{ store, layout, blobs, clock, log: createLog('silent'), settings: () => parts.settings },
      uploads: new Uploads({ store, layout, blobs, clock, reserve: () => ({ bytes: 0 }) }),
      async refetch(digest, [repository = '']) {
        const content = upstream.get(digest);
        if (content) await here.pushBlob(repository, content);
        return content !== undefined;
      },
    });
    return {
      collect: (how) => upkeep.collect(how),
      scrub: (how) => upkeep.scrub(how),
      async *plan({ name, cheap }) {
        await Promise.resolve();
        if (name !== null && name !== MIRRORED)
          throw new MillpondError('not-found', `there are no images "${name}" in the configuration`);
        yield cheap ? { ...PLAN, toFetch: null, here: null } : PLAN;
      },
    };
  };
  const scene = await openControlScene(IMAGES, controls, {
    registries: () => [{ ...HUB_USE, name: 'quay.io', troubleSince: troubles.get('quay.io') ?? null }],
  });
  if (!images) throw new Error('the scene has no images');
  return Object.assign(scene, { images, upstream, troubles });
}
