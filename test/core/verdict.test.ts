import { describe, expect, it } from 'vitest';
import type { MirrorActivity } from '../../core/engine.js';
import type { Generation } from '../../core/generation.js';
import { NO_NUMBERS, type Run, type RunProgress } from '../../core/run.js';
import { plainSentence } from '../../core/sentence.js';
import { decideVerdict, type VerdictFacts } from '../../core/verdict.js';
import { VERDICT_SIGNS, type VerdictWord } from '../../core/verdict-words.js';
import { testMarker } from '../fixtures/engine.js';

const NOW = Date.UTC(2026, 10, 23, 14, 0);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const IDLE: MirrorActivity = { running: null, progress: null, lastByteAt: null, queued: null, place: null };

const PROGRESS: RunProgress = {
  stage: 'all',
  stageIndex: 1,
  stageCount: 1,
  pass: 1,
  files: 10,
  bytes: 1000,
  rate: 10,
  percent: 41.7,
  toCheck: 5,
  known: 10,
  eta: 180,
};

const LIVE: Generation = {
  id: 7,
  mirror: 'debian',
  runId: 7,
  slot: 'a',
  state: 'live',
  files: 1000,
  bytes: 5000,
  markerValue: 'M7',
  markerTime: NOW - 3 * HOUR,
  verification: null,
  publishedAt: NOW - 2 * HOUR,
  confirmedAt: NOW - 2 * HOUR,
};

let lastId = 100;

function run(more: Partial<Run> = {}): Run {
  return {
    id: ++lastId,
    mirror: 'debian',
    trigger: 'schedule',
    attempt: 1,
    force: false,
    phase: 'ended',
    outcome: 'updated',
    failure: null,
    message: null,
    queuedAt: NOW - HOUR,
    startedAt: NOW - HOUR,
    endedAt: NOW - HOUR + MINUTE,
    retryAt: null,
    upstream: null,
    exitCode: 0,
    markerValue: null,
    markerTime: null,
    generation: null,
    numbers: NO_NUMBERS,
    ...more,
  };
}

function dueAt(nextDueAt: number | null): VerdictFacts['state'] {
  return { mirror: 'debian', pausedAt: null, pauseReason: null, nextDueAt };
}

function failed(more: Partial<Run> = {}): Run {
  return run({ outcome: 'failed', failure: 'connect', ...more });
}

function active(more: Partial<Run> = {}, activity: Partial<MirrorActivity> = {}): MirrorActivity {
  const running = run({ phase: 'pull', outcome: null, endedAt: null, startedAt: NOW - 5 * MINUTE, ...more });
  return { ...IDLE, running, progress: PROGRESS, lastByteAt: NOW - 1000, ...activity };
}

/** A mirror that was brought up to date two hours ago, every four hours, without a marker. */
function facts(more: Partial<VerdictFacts> = {}): VerdictFacts {
  const good = run({ queuedAt: NOW - 2 * HOUR, generation: LIVE.id });
  return {
    now: NOW,
    mirror: {
      name: 'debian',
      marker: null,
      publish: 'slots',
      stall: 900,
      retry: { attempts: 5, firstBackoff: 60, maxBackoff: 3600 },
    },
    period: 4 * 3600,
    jitter: 0,
    state: { mirror: 'debian', pausedAt: null, pauseReason: null, nextDueAt: NOW + 2 * HOUR },
    activity: IDLE,
    ended: [good],
    lastGood: good,
    live: LIVE,
    markerTimes: [],
    ...more,
  };
}

const MARKED = { ...facts().mirror, marker: testMarker('project/trace/master', { parser: 'date-line' }) };
const IN_PLACE = { ...facts().mirror, publish: 'in-place' as const };
/** Upstream changed every six hours, last three days ago. */
const QUIET = [72, 78, 84, 90].map((hours) => NOW - hours * HOUR);
const LONG_SAME = { ...LIVE, markerTime: NOW - 72 * HOUR };
const PAUSED = { mirror: 'debian', pausedAt: NOW - 3 * HOUR, pauseReason: 'new disks.', nextDueAt: null };
const FIVE_SHORT_RUNS = [1, 2, 3, 4, 5].map((day) =>
  run({ startedAt: NOW - day * 24 * HOUR, endedAt: NOW - day * 24 * HOUR + 2 * MINUTE }),
);

const CASES: readonly { name: string; facts: Partial<VerdictFacts>; word: VerdictWord; sentence: string }[] = [
  {
    name: 'a paused mirror',
    facts: { state: PAUSED, ended: [failed()] },
    word: 'paused',
    sentence: 'Paused by operations since 2026-11-23 11:00 UTC: new disks. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a run that deleted too much',
    facts: { ended: [run({ outcome: 'held', numbers: { ...NO_NUMBERS, deletedFiles: 700 } })] },
    word: 'held',
    sentence:
      'Upstream removed 700 files (70 % of the tree); waiting for a person. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a held run without numbers',
    facts: { ended: [run({ outcome: 'held', message: 'The tree is empty.' })] },
    word: 'held',
    sentence: 'The tree is empty; waiting for a person. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a held run that was followed by a cancelled one',
    facts: { ended: [run({ outcome: 'cancelled' }), run({ outcome: 'held', message: 'The tree is empty.' })] },
    word: 'held',
    sentence: 'The tree is empty; waiting for a person. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a tree that failed its verification',
    facts: { ended: [run({ outcome: 'quarantined', message: 'A link leads out of the tree.' })] },
    word: 'quarantined',
    sentence:
      'The new tree failed its verification: A link leads out of the tree. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a tree whose verification failed in the words of the run',
    facts: { ended: [run({ outcome: 'quarantined', message: 'The new tree failed verification: "x" is a device.' })] },
    word: 'quarantined',
    sentence: 'The new tree failed its verification: "x" is a device. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a tree that was changed in place and failed its verification',
    facts: { mirror: IN_PLACE, ended: [run({ outcome: 'quarantined', message: '"x" is a device.' })] },
    word: 'quarantined',
    sentence:
      'The new tree failed its verification: "x" is a device. ' +
      'It is served all the same: this mirror is changed in place, and no other tree is kept.',
  },
  {
    name: 'a pull into the very tree that is served',
    facts: { mirror: IN_PLACE, activity: active() },
    word: 'running',
    sentence:
      'Fetching now: transferring files, 41 %, about 3 min left. ' +
      'Serving the tree of 2026-11-23 12:00 UTC and what was changed in place since.',
  },
  {
    name: 'a paused mirror whose last run in place was good',
    facts: { mirror: IN_PLACE, state: PAUSED },
    word: 'paused',
    sentence: 'Paused by operations since 2026-11-23 11:00 UTC: new disks. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a pull without a byte for ten minutes',
    facts: { activity: active({}, { lastByteAt: NOW - 10 * MINUTE }) },
    word: 'stuck',
    sentence: 'Running for 5 min, no data for 10 min. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a run that takes much longer than usual',
    facts: { activity: active({ startedAt: NOW - 40 * MINUTE }), ended: FIVE_SHORT_RUNS },
    word: 'stuck',
    sentence: 'Running for 40 min; usual is 2 min. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a pull',
    facts: { activity: active() },
    word: 'running',
    sentence: 'Fetching now: transferring files, 41 %, about 3 min left. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'the first pull',
    facts: { activity: active(), live: null, lastGood: null, ended: [] },
    word: 'running',
    sentence: 'First fetch: transferring files, 41 %, about 3 min left; not complete yet.',
  },
  {
    name: 'a run that is verified',
    facts: { activity: active({ phase: 'verify' }, { lastByteAt: NOW - HOUR }) },
    word: 'running',
    sentence: 'Fetching now: verifying the new tree. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a run in the queue',
    facts: { activity: { ...IDLE, queued: run({ phase: 'queued', outcome: null }), place: 3 } },
    word: 'queued',
    sentence: 'Waiting to be fetched, place 3 in the queue. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a failed try with more to come',
    facts: {
      state: dueAt(NOW + MINUTE),
      ended: [failed({ attempt: 2, retryAt: NOW + MINUTE }), failed({ retryAt: NOW - MINUTE })],
    },
    word: 'retrying',
    sentence:
      'Try 2 of 5 failed: the upstream cannot be reached; next try 2026-11-23 14:01 UTC. ' +
      'Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a failed try whose next one fell into a pause',
    facts: { state: dueAt(NOW + 2 * HOUR), ended: [failed({ failure: 'partial', retryAt: NOW - 30 * MINUTE })] },
    word: 'failing',
    sentence: 'Failed once at 2026-11-23 13:01 UTC: some files did not come. Last good 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a failed try whose next one would come after the schedule',
    facts: { state: dueAt(NOW + MINUTE), ended: [failed({ failure: 'partial', retryAt: NOW + HOUR })] },
    word: 'failing',
    sentence: 'Failed once at 2026-11-23 13:01 UTC: some files did not come. Last good 2026-11-23 12:00 UTC.',
  },
  {
    name: 'an upstream that says no',
    facts: { ended: [failed({ failure: 'refused', message: 'max connections (20) reached' })] },
    word: 'refused',
    sentence: 'The upstream refuses us (max connections (20) reached). Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'an upstream that cannot be reached, all tries used up',
    facts: { ended: [failed({ failure: 'dns' }), failed({ endedAt: NOW - 3 * HOUR, retryAt: NOW - 2 * HOUR })] },
    word: 'upstream-down',
    sentence:
      'Upstream unreachable since 2026-11-23 11:00 UTC; our copy is whole and was in step at 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a new round of tries after one that was used up',
    facts: { ended: [failed({ failure: 'partial', retryAt: NOW + MINUTE }), failed({ failure: 'partial' })] },
    word: 'failing',
    sentence: 'Failed 2 times since 2026-11-23 13:01 UTC: some files did not come. Last good 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a full disk',
    facts: { ended: [failed({ failure: 'disk-full' })] },
    word: 'failing',
    sentence: 'Failed once at 2026-11-23 13:01 UTC: our disk is full. Last good 2026-11-23 12:00 UTC.',
  },
  {
    name: 'an unreachable upstream of a mirror that has nothing',
    facts: { ended: [failed()], live: null, lastGood: null },
    word: 'failing',
    sentence: 'Failed once at 2026-11-23 13:01 UTC: the upstream cannot be reached. It has never finished yet.',
  },
  {
    name: 'a last good run older than two periods',
    facts: { live: { ...LIVE, confirmedAt: NOW - 9 * HOUR } },
    word: 'late',
    sentence: 'Last in step with upstream 2026-11-23 05:00 UTC; usual is every 4 h.',
  },
  {
    name: 'a last good run two periods and less than the jitter ago',
    facts: { live: { ...LIVE, confirmedAt: NOW - 8 * HOUR - 4 * MINUTE }, jitter: 300 },
    word: 'current',
    sentence: 'In step with upstream as of 2026-11-23 05:56 UTC (last successful run).',
  },
  {
    name: 'an upstream that has been quiet for much longer than usual',
    facts: { mirror: MARKED, live: LONG_SAME, markerTimes: [...QUIET, ...QUIET] },
    word: 'upstream-idle',
    sentence: 'Same as upstream, which has not changed since 2026-11-20 14:00 UTC; usual is every 6 h.',
  },
  {
    name: 'a quiet upstream of which too few changes are known',
    facts: { mirror: MARKED, live: LONG_SAME, markerTimes: [...QUIET.slice(0, 3), ...QUIET.slice(0, 3)] },
    word: 'current',
    sentence: 'Same as upstream as of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'an upstream that is quiet no longer than it often is',
    facts: { mirror: MARKED, live: LONG_SAME, markerTimes: QUIET.map((time, index) => time - index * 2 * HOUR) },
    word: 'current',
    sentence: 'Same as upstream as of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'an upstream whose marker has moved on',
    facts: {
      mirror: MARKED,
      ended: [run({ outcome: 'interrupted', markerValue: 'M8', markerTime: NOW - HOUR }), run({ markerValue: 'M7' })],
    },
    word: 'behind',
    sentence:
      'Upstream has published something newer at 2026-11-23 13:00 UTC. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a mirror that was switched back',
    facts: { lastGood: run({ generation: 8 }) },
    word: 'behind',
    sentence: 'Switched back to the tree of 2026-11-23 12:00 UTC; a newer one was published before.',
  },
  {
    name: 'a mirror with a marker equal to its upstream',
    facts: { mirror: MARKED, ended: [run({ outcome: 'unchanged', markerValue: 'M7' })] },
    word: 'current',
    sentence: 'Same as upstream as of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a mirror without a marker',
    facts: {},
    word: 'current',
    sentence: 'In step with upstream as of 2026-11-23 12:00 UTC (last successful run).',
  },
  {
    name: 'a mirror without a schedule, however old',
    facts: { period: null, live: { ...LIVE, confirmedAt: NOW - 999 * HOUR, publishedAt: NOW - 999 * HOUR } },
    word: 'current',
    sentence: 'In step with upstream as of 2026-10-12 23:00 UTC (last successful run).',
  },
  {
    name: 'a mirror that was never fetched',
    facts: { ended: [], live: null, lastGood: null },
    word: 'new',
    sentence: 'The first fetch is not complete yet; nothing is served.',
  },
  {
    name: 'a mirror whose first fetch was interrupted',
    facts: { ended: [run({ outcome: 'interrupted' })], live: null, lastGood: null },
    word: 'new',
    sentence: 'The first fetch is not complete yet; nothing is served.',
  },
];

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

  it('shows a run that an operator forces although the last one was held', () => {
    const ended = [run({ outcome: 'held', message: 'The tree is empty.' })];
    expect(decideVerdict(facts({ ended, activity: active({ force: true }) })).word).toBe('running');
    expect(decideVerdict(facts({ ended, activity: active() })).word).toBe('held');
  });

  it('begins a streak of failures at its first one, and forgets failures before the last good run', () => {
    const ended = [failed(), failed({ endedAt: NOW - 5 * HOUR }), run(), failed({ endedAt: NOW - 50 * HOUR })];
    expect(decideVerdict(facts({ ended })).since).toBe(NOW - 5 * HOUR);
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
