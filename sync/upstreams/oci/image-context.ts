import type { ImageMirror } from '../../../core/oci/image-mirror.js';
import type { RunContext } from '../../runs/run-context.js';
import type { ImageServices } from './image-services.js';

/** Of a run that brings a repository of images in step. */
export interface ImageRunContext extends RunContext {
  readonly mirror: ImageMirror;
  readonly images: ImageServices;
}
