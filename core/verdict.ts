import { incomplete, notYetTried, queued, running, stuck } from './verdict/at-work.js';
import { held, paused, quarantined } from './verdict/decided-by-people.js';
import type { Verdict, VerdictFacts } from './verdict/facts.js';
import { failing, refused, retrying, upstreamDown } from './verdict/failures.js';
import { behind, current, late, standing, upstreamIdle } from './verdict/freshness.js';
import { situationOf, type VerdictRule } from './verdict/situation.js';

/** In the order in which they are asked. */
const RULES: readonly VerdictRule[] = [
  ...[paused, held, quarantined],
  ...[stuck, running, queued],
  ...[retrying, refused, upstreamDown, failing],
  ...[standing, notYetTried],
  ...[late, behind, upstreamIdle, current],
];

/** The first rule that applies decides. Says nothing that the facts do not carry. */
export function decideVerdict(facts: VerdictFacts): Verdict {
  const situation = situationOf(facts);
  for (const rule of RULES) {
    const verdict = rule(situation);
    if (verdict) return verdict;
  }
  return incomplete(situation);
}
