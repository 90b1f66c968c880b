import { expect, test } from 'vitest';
import { MOST_MORE, soak } from '../../bench/soak.js';

const SECONDS = 10;

/** `npm run bench -- soak` does the same for minutes. */
test.each(['addon', 'off'])(
  'whatever is published meanwhile, each answer is of one generation, and nothing is held in the end (MILLPOND_SENDFILE=%s)',
  { timeout: 180_000 },
  async (road) => {
    const { wrong, answers, publishes, before, after } = await soak(SECONDS, road);
    expect(wrong).toEqual([]);
    expect(publishes).toBeGreaterThan(3);
    for (const what of ['whole 200', 'range 206', 'the rest 206', 'left 200', 'slow 200', 'listing 200'])
      expect(answers[what], what).toBeGreaterThan(0);
    const more = (what: keyof typeof MOST_MORE): number => after[what] - before[what];
    expect(more('descriptors')).toBeLessThanOrEqual(MOST_MORE.descriptors);
    expect(more('used')).toBeLessThanOrEqual(MOST_MORE.used);
    expect(more('resident')).toBeLessThanOrEqual(MOST_MORE.resident);
  },
);
