import type { Mirror } from '../core/mirror.js';
import type { Settings } from './settings.js';

/** Trees and images alike, in the order of the configuration: whatever is kept in step with an upstream. */
export function allMirrors({ mirrors, images }: Pick<Settings, 'mirrors' | 'images'>): Mirror[] {
  return [...mirrors.values(), ...images.values()];
}

/** The tree or the images of that name. */
export function findMirror(
  { mirrors, images }: Pick<Settings, 'mirrors' | 'images'>,
  name: string,
): Mirror | undefined {
  return mirrors.get(name) ?? images.get(name);
}
