import { eachLimited } from '../../../content/each-limited.js';
import type { Digest } from '../../../core/oci/digest.js';
import type { ImageRunContext } from './image-context.js';
import { RegistryFailure } from './registry-failure.js';
import { endsTheRun } from './tag-failures.js';
import { DEEPEST_INDEX } from './wanted-parts.js';

/** An image is signed soon after its tag has moved, if at all. Milliseconds. */
const MOVED_WITHIN = 7 * 24 * 3_600_000;
const ASK_EVERY = 24 * 3_600_000;
/** Manifests that one run asks about; the others have their turn in the next. */
const MOST_ASKED = 200;
const ASKED_AT_ONCE = 4;

/**
 * Of tags that have not moved, the manifests about which upstream has something that is not here: what was signed after
 * it had been fetched. Asks for each, and for what is here of an index, at most once a day, for a week after the tag has
 * moved.
 */
export async function lateReferrers(
  context: ImageRunContext,
  same: readonly string[],
  signal: AbortSignal,
): Promise<Digest[]> {
  const { store, mirror, images, log } = context;
  const { client } = images.sourceOf(mirror.registry);
  const late: Digest[] = [];
  let isOver = false;
  await eachLimited(dueDigests(context, same), ASKED_AT_ONCE, async (digest) => {
    if (isOver) return;
    try {
      const found = await client.referrers(mirror.repository, digest, { signal, urgency: 'sync' });
      images.referrers.asked(mirror.name, digest);
      if (found.some((one) => !store.repositories.holds(mirror.name, one.digest))) late.push(digest);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RegistryFailure)) throw error;
      isOver ||= endsTheRun(error);
      log.write(`What is about ${digest} is not known: ${error.message}`); // asked again by the next run
    }
  });
  return late;
}

function dueDigests(context: ImageRunContext, same: readonly string[]): Digest[] {
  const { store, mirror, images, clock } = context;
  const due: Digest[] = [];
  const seen = new Set<Digest>(); // many tags may have the same, and many indexes the same children
  for (const name of same) {
    const tag = store.tags.get(mirror.name, name);
    if (!tag || clock() - tag.movedAt > MOVED_WITHIN) continue;
    for (const digest of manifestsOf(context, tag.digest, seen)) {
      if (images.referrers.isDue(mirror.name, digest, ASK_EVERY)) due.push(digest);
      if (due.length === MOST_ASKED) return due;
    }
  }
  return due;
}

/** A manifest that is here and the children that are, all the way down; without those in `seen`, where they are put. */
function* manifestsOf(context: ImageRunContext, digest: Digest, seen: Set<Digest>, depth = 0): Generator<Digest> {
  const { store, mirror } = context;
  if (seen.has(digest) || !store.repositories.holds(mirror.name, digest)) return;
  seen.add(digest);
  yield digest;
  if (depth === DEEPEST_INDEX) return;
  for (const part of store.manifests.parts(digest))
    if (part.role === 'manifest') yield* manifestsOf(context, part.digest, seen, depth + 1);
}
