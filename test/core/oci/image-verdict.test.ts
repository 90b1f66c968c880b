import { describe, expect, it } from 'vitest';
import { decideImageVerdict, type ImageVerdictFacts } from '../../../core/oci/image-verdict.js';
import { NO_NUMBERS, type Run } from '../../../core/run.js';
import { plainSentence } from '../../../core/sentence.js';

const NOW = Date.UTC(2026, 10, 23, 14, 0);
const HOUR = 3_600_000;
const NAME = 'docker.io/library/debian';

function run(more: Partial<Run> = {}): Run {
  return {
    ...{ id: 1, mirror: NAME, trigger: 'schedule', attempt: 1, force: false, phase: 'ended', outcome: 'unchanged' },
    ...{ failure: null, message: null, queuedAt: NOW - HOUR, startedAt: NOW - HOUR, endedAt: NOW - HOUR / 2 },
    ...{ retryAt: null, upstream: NAME, exitCode: null, markerValue: 'M', markerTime: null, generation: null },
    ...{ numbers: NO_NUMBERS, ...more },
  };
}

function decide(more: Partial<ImageVerdictFacts> = {}): { word: string; sentence: string; next: string } {
  const { word, sentence, next } = decideImageVerdict({
    now: NOW,
    mirror: { name: NAME, stall: 900, retry: { attempts: 5, firstBackoff: 60, maxBackoff: 3600 } },
    ...{ period: 6 * 3600, jitter: 0 },
    state: { mirror: NAME, pausedAt: null, pauseReason: null, nextDueAt: NOW + HOUR },
    activity: { running: null, progress: null, lastByteAt: null, queued: null, place: null },
    ended: [],
    lastGood: null,
    tags: { count: 8, movedAt: NOW - 3 * HOUR, movedHere: 0 },
    ...more,
  });
  return { word, sentence: plainSentence(sentence), next: plainSentence(next) };
}

describe('decideImageVerdict', () => {
  it('is current as of when the last good run began to compare', () => {
    expect(decide({ ended: [run()], lastGood: run() })).toEqual({
      word: 'current',
      sentence: 'Same as upstream as of 2026-11-23 13:00 UTC.',
      next: 'Next fetch 2026-11-23 15:00 UTC.',
    });
  });

  it('is new before any run, and says what is served all the same', () => {
    expect(decide().sentence).toBe(
      'The first fetch is not complete yet. Serving 8 tags, the last of which moved 2026-11-23 11:00 UTC.',
    );
    expect(decide({ tags: { count: 0, movedAt: null, movedHere: 0 } }).sentence).toBe(
      'The first fetch is not complete yet. Nothing is served yet.',
    );
  });

  it('never speaks of a tree', () => {
    const running = run({ phase: 'pull', outcome: null, endedAt: null });
    const failed = run({ id: 2, outcome: 'failed', failure: 'refused', message: 'denied' });
    const situations: Partial<ImageVerdictFacts>[] = [
      { activity: { running, progress: null, lastByteAt: NOW, queued: null, place: null }, lastGood: run() },
      { activity: { running: null, progress: null, lastByteAt: null, queued: running, place: 2 }, lastGood: run() },
      { state: { mirror: NAME, pausedAt: NOW, pauseReason: 'disk', nextDueAt: null }, lastGood: run() },
      { ended: [run({ outcome: 'held', message: '30 of 40 tags would go' })], lastGood: run() },
      { ended: [failed, run()], lastGood: run() },
      { ended: [{ ...failed, failure: 'connect' }, run()], lastGood: run() },
    ];
    const found = situations.map((facts) => decide(facts));
    expect(found.map(({ word }) => word)).toEqual(['running', 'queued', 'paused', 'held', 'refused', 'upstream-down']);
    for (const { sentence, next } of found) expect(`${sentence} ${next}`).not.toContain('tree');
  });

  it('is late when nothing was compared for two periods', () => {
    const old = run({ queuedAt: NOW - 20 * HOUR, startedAt: NOW - 20 * HOUR, endedAt: NOW - 20 * HOUR });
    expect(decide({ ended: [old], lastGood: old }).word).toBe('late');
  });

  it('is behind when tags were moved here since, and never called the same as upstream', () => {
    const tags = { count: 8, movedAt: NOW - HOUR / 4, movedHere: 1 };
    expect(decide({ ended: [run()], lastGood: run(), tags })).toMatchObject({
      word: 'behind',
      sentence: '1 tag was moved here since upstream was last asked; the next fetch brings it in step.',
    });
  });
});
