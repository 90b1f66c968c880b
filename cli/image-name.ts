import { MillpondError } from '../core/errors.js';
import { isRepositoryName, isTag } from '../core/oci/names.js';

export interface ImageName {
  readonly repository: string;
  readonly tag: string | null;
}

/** Reads `lab/app` or `lab/app:1.2`. @throws MillpondError invalid */
export function parseImageName(text: string): ImageName {
  const [, repository = '', tag] = /^([^:]+)(?::([^:/]+))?$/.exec(text) ?? [];
  if (isRepositoryName(repository) && (tag === undefined || isTag(tag))) return { repository, tag: tag ?? null };
  throw new MillpondError('invalid', `"${text}" is not the name of a repository, nor of a tag in one`, {
    hint: 'Write it as lab/app or lab/app:1.2. A mirrored one has its registry in front: docker.io/library/debian:12.',
  });
}
