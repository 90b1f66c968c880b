import type { Generation } from '../generation.js';
import type { MarkerRule } from '../mirror.js';
import { moment, say, type Sentence } from '../sentence.js';
import type { SyncTarget } from '../sync-target.js';
import { formatCount } from '../units.js';
import { decideVerdict } from '../verdict.js';
import type { Verdict, VerdictFacts } from '../verdict/facts.js';

/** All that the verdict on a repository of images may rest on. */
export interface ImageVerdictFacts extends Omit<VerdictFacts, 'mirror' | 'live' | 'markerTimes' | 'terms'> {
  readonly mirror: Pick<SyncTarget, 'name' | 'stall' | 'retry'>;
  readonly tags: {
    readonly count: number;
    /** When the last one moved, milliseconds since the epoch; null when there is none. */
    readonly movedAt: number | null;
    /** Those that were moved here, not by a fetch, since they were compared with upstream. */
    readonly movedHere: number;
  };
}

/** Every run compares digests: that is the marker of images, and no file has it. */
const DIGESTS: MarkerRule = { paths: [], parser: 'text', field: null, meaning: 'content', url: null };

/** The verdict on a repository that is kept in step: by the rules for trees, in words that are true of tags. */
export function decideImageVerdict(facts: ImageVerdictFacts): Verdict {
  const { tags, mirror, ...rest } = facts;
  const verdict = decideVerdict({
    ...rest,
    mirror: { ...mirror, marker: DIGESTS, publish: 'slots' },
    markerTimes: [],
    live: confirmedState(facts),
    terms: {
      serving: serving(tags),
      publishing: say`Each tag moves when all that it needs is here.`,
      incomplete: say`The first fetch is not complete yet. ${serving(tags)}`,
    },
  });
  if (verdict.word !== 'current' || tags.movedHere === 0) return verdict;
  const which = tags.movedHere === 1 ? '1 tag was' : `${formatCount(tags.movedHere)} tags were`;
  const sentence = say`${which} moved here since upstream was last asked; the next fetch brings ${tags.movedHere === 1 ? 'it' : 'them'} in step.`;
  return { ...verdict, word: 'behind', sentence, since: tags.movedAt };
}

/** What the last good run has found, in the shape that verdicts look at. Tags were compared when it began. */
function confirmedState({ lastGood, tags, mirror }: ImageVerdictFacts): Generation | null {
  if (!lastGood) return null;
  const confirmedAt = lastGood.startedAt ?? lastGood.queuedAt;
  return {
    ...{ id: lastGood.id, mirror: mirror.name, runId: lastGood.id, slot: 'a', state: 'live' },
    ...{ files: tags.count, bytes: lastGood.numbers.totalBytes },
    ...{ markerValue: lastGood.markerValue, markerTime: null, verification: null },
    ...{ publishedAt: tags.movedAt ?? confirmedAt, confirmedAt },
  };
}

function serving({ count, movedAt }: ImageVerdictFacts['tags']): Sentence {
  if (count === 0 || movedAt === null) return say`Nothing is served yet.`;
  if (count === 1) return say`Serving 1 tag, which moved ${moment(movedAt)}.`;
  return say`Serving ${formatCount(count)} tags, the last of which moved ${moment(movedAt)}.`;
}
