import type { Registry } from '../core/oci/image-mirror.js';
import type { Settings } from './settings.js';

/** Where a repository here comes from. */
export interface FollowedUpstream {
  readonly registry: Registry;
  /** The repository as its registry has it. */
  readonly upstream: string;
}

/**
 * The registry that a repository here follows: that of its own entry in the configuration, which may have given it any
 * name, else the one that its name begins with. Null of one of our own.
 */
export function followedUpstream(
  { images, registries }: Pick<Settings, 'images' | 'registries'>,
  repository: string,
): FollowedUpstream | null {
  const mirror = images.get(repository);
  if (mirror) return { registry: mirror.registry, upstream: mirror.repository };
  const slash = repository.indexOf('/');
  const registry = slash > 0 ? registries.get(repository.slice(0, slash)) : undefined;
  return registry ? { registry, upstream: repository.slice(slash + 1) } : null;
}
