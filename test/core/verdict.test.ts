import { describe, expect, it } from 'vitest';
import { plainSentence } from '../../core/sentence.js';
import { decideVerdict } from '../../core/verdict.js';
import { VERDICT_SIGNS } from '../../core/verdict-words.js';
import { CASES } from './verdict/cases.js';
import { active, dueAt, failed, facts, HOUR, LIVE, MARKED, MINUTE, NOW, PAUSED, run } from './verdict/scene.js';

describe('decideVerdict', () => {
  it.each(CASES)('calls $name "$word" and says why', ({ facts: given, word, sentence }) => {
    const verdict = decideVerdict(facts(given));
    expect(verdict.word).toBe(word);
    expect(plainSentence(verdict.sentence)).toBe(sentence);
    expect(plainSentence(verdict.next)).toMatch(/^[A-Z].*\.$/);
  });

  it('has a case for every word', () => {
    expect(new Set(CASES.map(({ word }) => word))).toEqual(new Set(Object.keys(VERDICT_SIGNS)));
  });

  it('tells who may let a held tree through, and how', () => {
    const held = { runId: 9, heldAt: NOW - HOUR, sentence: 'The tree is empty.' };
    expect(plainSentence(decideVerdict(facts({ held })).next)).toBe(
      'An operator looks at /status/debian/held and decides: "millpond approve debian --run 9" publishes it, ' +
        '"millpond reject debian --run 9" drops it. What upstream changes meanwhile takes its place.',
    );
  });

  it('shows a run that an operator forces although the last one was held', () => {
    const ended = [run({ outcome: 'held', message: 'The tree is empty.' })];
    expect(decideVerdict(facts({ ended, activity: active({ force: true }) })).word).toBe('running');
    expect(decideVerdict(facts({ ended, activity: active() })).word).toBe('held');
  });

  it('begins a streak of failures at its first one, and forgets failures before the last good run', () => {
    const ended = [failed(), failed({ endedAt: NOW - 5 * HOUR }), run(), failed({ endedAt: NOW - 50 * HOUR })];
    expect(decideVerdict(facts({ ended })).since).toBe(NOW - 5 * HOUR);
  });

  it('counts failures beyond the runs that it is given', () => {
    const failures = { count: 1071, since: NOW - 60 * HOUR, unreachableSince: NOW - 40 * HOUR };
    const partial = decideVerdict(facts({ ended: [failed({ failure: 'partial' })], failures }));
    expect([partial.since, plainSentence(partial.sentence)]).toEqual([
      NOW - 60 * HOUR,
      'Failed 1,071 times since 2026-11-21 02:00 UTC: some files did not come. Last good 2026-11-23 12:00 UTC.',
    ]);
    const unreachable = decideVerdict(facts({ ended: [failed()], failures }));
    expect([unreachable.word, unreachable.since]).toEqual(['upstream-down', NOW - 40 * HOUR]);
  });

  it('gives the last run and both markers as evidence', () => {
    const last = run({ outcome: 'unchanged', message: 'Nothing new.', markerValue: 'M7', markerTime: NOW - 3 * HOUR });
    const { evidence } = decideVerdict(facts({ mirror: MARKED, ended: [last] }));
    expect(evidence.map(({ label, text }) => `${label}: ${plainSentence(text)}`)).toEqual([
      `Run ${last.id}: unchanged 2026-11-23 13:01 UTC: Nothing new.`,
      'Our marker: 2026-11-23 11:00 UTC',
      "Upstream's marker: 2026-11-23 11:00 UTC",
    ]);
  });

  it('tells what was verified of the tree that is served', () => {
    const live = { ...LIVE, verification: 'Verified before it was published: tree, apt.' };
    const { evidence } = decideVerdict(facts({ live }));
    expect(evidence.map(({ label, text }) => `${label}: ${plainSentence(text)}`)).toContain(
      'Verification: Verified before it was published: tree, apt.',
    );
  });

  it('plans nothing for a paused mirror, the next try for a retried one, else the next scheduled run', () => {
    expect(decideVerdict(facts({ state: PAUSED })).nextAt).toBeNull();
    const retried = facts({ state: dueAt(NOW + MINUTE), ended: [failed({ retryAt: NOW + MINUTE })] });
    expect(decideVerdict(retried).nextAt).toBe(NOW + MINUTE);
    expect(decideVerdict(facts()).nextAt).toBe(NOW + 2 * HOUR);
  });

  it('announces no time that has gone by', () => {
    const ended = [failed({ failure: 'partial', retryAt: NOW - HOUR })];
    const later = decideVerdict(facts({ state: dueAt(NOW + HOUR), ended }));
    expect([later.nextAt, plainSentence(later.next)]).toEqual([NOW + HOUR, 'Next fetch 2026-11-23 15:00 UTC.']);
    const missed = decideVerdict(facts({ state: dueAt(NOW - MINUTE), ended }));
    expect(plainSentence(missed.next)).toBe('The next fetch is due now.');
  });
});
