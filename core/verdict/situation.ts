import type { Run } from '../run.js';
import { moment, say, type Sentence } from '../sentence.js';
import type { VerdictWord } from '../verdict-words.js';
import type { Verdict, VerdictFacts } from './facts.js';

/** The facts, and what each rule would have to find out of them. */
export interface Situation extends VerdictFacts {
  /** The newest ended run that says something about the upstream: neither cancelled nor interrupted. */
  readonly newest: Run | undefined;
  /** Failed runs since the last good one, newest first. */
  readonly streak: readonly Run[];
}

/** Undefined where it does not apply. */
export type VerdictRule = (situation: Situation) => Verdict | undefined;

export function situationOf(facts: VerdictFacts): Situation {
  const telling = facts.ended.filter((run) => run.outcome !== 'cancelled' && run.outcome !== 'interrupted');
  const good = telling.findIndex((run) => run.outcome !== 'failed');
  return { ...facts, newest: telling[0], streak: good === -1 ? telling : telling.slice(0, good) };
}

/** The verdict with its evidence; what is due next is the next scheduled run, unless another time is given. */
export function verdict(
  s: Situation,
  word: VerdictWord,
  sentence: Sentence,
  more: { since: number | null; next: Sentence; nextAt?: number | null },
): Verdict {
  const nextAt = more.nextAt === undefined ? s.state.nextDueAt : more.nextAt;
  return { word, sentence: trimmed(sentence), since: more.since, evidence: evidenceOf(s), next: more.next, nextAt };
}

export function serving(s: Situation): Sentence {
  if (s.terms) return s.terms.serving;
  if (!s.live) return say`Nothing is served yet.`;
  const of = moment(s.live.publishedAt);
  return mayHaveChanged(s)
    ? say`Serving the tree of ${of} and what was changed in place since.`
    : say`Serving the tree of ${of}.`;
}

export function nextFetch(s: Situation): Sentence {
  const due = s.state.nextDueAt;
  if (due === null) return say`The next fetch starts when an operator asks for it.`;
  return due < s.now ? say`The next fetch is due now.` : say`Next fetch ${moment(due)}.`;
}

/** When the first of the failures since the last good run ended. */
export function firstFailure(s: Situation): number | null {
  if (s.failures) return s.failures.since;
  const first = s.streak.at(-1);
  return first ? (first.endedAt ?? first.queuedAt) : null;
}

export function withoutStop(text: string): string {
  return text.trim().replace(/[.\s]+$/, '');
}

/** Whether a run that has not come to a good end may have been at the very files that are served. */
export function mayHaveChanged({ mirror, activity, ended }: Situation): boolean {
  if (mirror.publish !== 'in-place') return false;
  const last = ended[0]?.outcome;
  return activity.running !== null || (last !== undefined && last !== 'updated' && last !== 'unchanged');
}

function evidenceOf(s: Situation): Verdict['evidence'] {
  const evidence: { label: string; text: Sentence }[] = [];
  const last = s.ended[0];
  if (last?.outcome && last.endedAt !== null) {
    const message = last.message ? `: ${withoutStop(last.message)}` : '';
    evidence.push({ label: `Run ${last.id}`, text: say`${last.outcome} ${moment(last.endedAt)}${message}.` });
  }
  if (s.live?.markerTime) evidence.push({ label: 'Our marker', text: say`${moment(s.live.markerTime)}` });
  if (s.live?.verification) evidence.push({ label: 'Verification', text: say`${s.live.verification}` });
  const read = s.upstream?.direct?.time ?? s.ended.find((run) => run.markerTime !== null)?.markerTime;
  if (read) evidence.push({ label: "Upstream's marker", text: say`${moment(read)}` });
  const origin = s.upstream?.origin?.time;
  if (origin) evidence.push({ label: "The origin's marker", text: say`${moment(origin)}` });
  return evidence;
}

function trimmed(sentence: Sentence): Sentence {
  const last = sentence.at(-1);
  return typeof last === 'string' ? [...sentence.slice(0, -1), last.trimEnd()] : sentence;
}
