import { RunFailure } from '../../runs/run-failure.js';
import type { UpstreamKind } from '../upstream-kind.js';
import { performImageRun } from './image-run.js';

export const kind: UpstreamKind = {
  perform(context) {
    const { mirror, images } = context;
    if (mirror.kind !== 'oci') throw new Error(`${mirror.name} is not a repository of images`);
    if (!images) throw new RunFailure('local', `${mirror.name} cannot be fetched: no images are kept here.`);
    return performImageRun({ ...context, mirror, images });
  },
};
