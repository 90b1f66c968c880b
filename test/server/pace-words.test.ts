import { expect, test } from 'vitest';
import { plainSentence } from '../../core/sentence.js';
import { paceWords } from '../../server/pace-words.js';

const FREE = { maxPerDay: null, minutes: null, jitter: null, fetches: 0, opensAt: null };

test.each([
  [{ ...FREE, maxPerDay: 4, fetches: 2 }, 'at most 4 fetches in 24 hours, 2 used'],
  [{ ...FREE, maxPerDay: 1, fetches: 0 }, 'at most 1 fetch in 24 hours, 0 used'],
  [{ ...FREE, minutes: { from: 5, to: 55 } }, 'starts in minutes 5 to 55 of an hour (UTC)'],
  [
    { maxPerDay: 4, minutes: { from: 5, to: 55 }, jitter: 1800, fetches: 4, opensAt: Date.UTC(2026, 10, 26, 12, 5) },
    'at most 4 fetches in 24 hours, 4 used; starts in minutes 5 to 55 of an hour (UTC); up to 30 min later by ' +
      'chance; the next may start 2026-11-26 12:05 UTC',
  ],
])('paceWords %#', (pace, words) => {
  expect(plainSentence(paceWords(pace))).toBe(words);
});
