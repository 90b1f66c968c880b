import { MillpondError } from '../core/errors.js';
import { shortDigest, type Digest } from '../core/oci/digest.js';
import type { FormerTag } from '../core/oci/repository.js';
import { utcMinute } from '../core/sentence.js';
import type { Store } from '../store/open.js';

export interface TagRollback {
  readonly repository: string;
  readonly tag: string;
  /** A former digest of the tag, or the first characters of its hex; null is the newest one. */
  readonly to: string | null;
}

export interface RolledBack {
  /** Null when the tag had been removed. */
  readonly from: Digest | null;
  readonly to: Digest;
}

/** More than is ever kept of a tag. */
const MOST_HISTORY = 1_000;
const LEAST_CHARACTERS = 6;

/**
 * Lets a tag point to a digest that it had before, in one transaction; what it pointed to becomes a former digest.
 * @throws MillpondError not-found (the tag never had it), conflict (it is not in the repository any more), invalid
 */
export function rollBackTag(
  { store, clock, keepHistory }: { store: Store; clock: () => number; keepHistory: number },
  { repository, tag, to }: TagRollback,
): RolledBack {
  return store.transaction(() => {
    const from = store.tags.get(repository, tag)?.digest ?? null;
    const history = store.tags.history(repository, tag, MOST_HISTORY).filter(({ digest }) => digest !== from);
    if (from === null && history.length === 0)
      throw new MillpondError('not-found', `${repository} has no tag "${tag}", and never had`, {
        hint: `To see its tags: millpond images ls ${repository}`,
      });
    const former = chosen(history, { repository, tag, to });
    if (!store.repositories.holds(repository, former.digest) || !store.blobs.get(former.digest))
      throw new MillpondError('conflict', `${shortDigest(former.digest)} is not in ${repository} any more`, {
        hint: `To see which are: millpond images ls ${repository}:${tag}`,
      });
    const at = clock();
    store.tags.move({ repository, tag, digest: former.digest }, { at, checkedAt: null, keepHistory });
    return { from, to: former.digest };
  });
}

function chosen(history: readonly FormerTag[], { repository, tag, to }: TagRollback): FormerTag {
  const [newest] = history;
  if (!newest)
    throw new MillpondError('conflict', `the tag "${tag}" of ${repository} has pointed to nothing else before`, {
      hint: 'The setting registry.keep.history says how many former digests are kept.',
    });
  if (to === null) return newest;
  const hex = to.slice(to.indexOf(':') + 1);
  if (!/^[a-f0-9]+$/.test(hex) || hex.length < LEAST_CHARACTERS)
    throw new MillpondError('invalid', `"${to}" is not a digest, nor the first ${LEAST_CHARACTERS} characters of one`);
  const fits = history.filter(({ digest }) => digest.slice(digest.indexOf(':') + 1).startsWith(hex));
  const [first] = fits;
  if (!first)
    throw new MillpondError('not-found', `the tag "${tag}" of ${repository} has not pointed to "${to}" before`, {
      hint: `It was ${shortDigest(newest.digest)} until ${utcMinute(newest.replacedAt)}.`,
    });
  if (fits.some(({ digest }) => digest !== first.digest))
    throw new MillpondError('invalid', `"${to}" is the begin of several former digests: write more of it`);
  return first;
}
