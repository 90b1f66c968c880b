import { eachLimited } from '../../../content/each-limited.js';
import type { Digest } from '../../../core/oci/digest.js';
import type { ImageRunContext } from './image-context.js';
import { RegistryFailure } from './registry-failure.js';

/** An image is signed soon after its tag has moved, if at all. Milliseconds. */
const MOVED_WITHIN = 7 * 24 * 3_600_000;
const ASK_EVERY = 24 * 3_600_000;
/** Manifests that one run asks about; the others have their turn in the next. */
const MOST_ASKED = 200;
const ASKED_AT_ONCE = 4;

/**
 * Of tags that have not moved, the manifests about which upstream has something that is not here: what was signed after
 * it had been fetched. Asks for each at most once a day, for a week after its tag has moved, which costs no pull.
 */
export async function lateReferrers(
  context: ImageRunContext,
  same: readonly string[],
  signal: AbortSignal,
): Promise<Digest[]> {
  const { store, mirror, images, log } = context;
  const { client } = images.sourceOf(mirror.registry);
  const late: Digest[] = [];
  await eachLimited(dueDigests(context, same), ASKED_AT_ONCE, async (digest) => {
    try {
      const found = await client.referrers(mirror.repository, digest, { signal, urgency: 'sync' });
      images.referrers.asked(mirror.name, digest);
      if (found.some((one) => !store.repositories.holds(mirror.name, one.digest))) late.push(digest);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RegistryFailure)) throw error;
      log.write(`What is about ${digest} is not known: ${error.message}`); // asked again by the next run
    }
  });
  return late;
}

function dueDigests({ store, mirror, images, clock }: ImageRunContext, same: readonly string[]): Digest[] {
  const due = new Set<Digest>();
  for (const name of same) {
    if (due.size >= MOST_ASKED) break;
    const tag = store.tags.get(mirror.name, name);
    if (!tag || clock() - tag.movedAt > MOVED_WITHIN) continue;
    if (images.referrers.isDue(mirror.name, tag.digest, ASK_EVERY)) due.add(tag.digest);
  }
  return [...due];
}
