import { describe, expect, it } from 'vitest';
import { stateHistoryView } from '../../../server/pages/state-strip.js';
import type { RecordedVerdict } from '../../../store/verdicts.js';
import { HOUR, NOW } from '../scene.js';

const DAY = 24 * HOUR;

/** States by how long ago they began, oldest first. */
function states(...begun: readonly [word: RecordedVerdict['word'], ago: number][]): RecordedVerdict[] {
  return begun
    .map(([word, ago], index) => ({ id: index + 1, mirror: 'm', at: NOW - ago, word, sentence: `It is ${word}.` }))
    .reverse();
}

describe('stateHistoryView', () => {
  it('is null before any state is known', () => {
    expect(stateHistoryView([], NOW)).toBeNull();
  });

  it('draws 30 days: wider is longer, higher is worse, and says the same in words', () => {
    const view = stateHistoryView(states(['current', 60 * DAY], ['failing', 15 * DAY], ['current', 12 * DAY]), NOW);
    expect(view?.bars.map(({ x, width }) => [x, width])).toEqual([
      [0, 360],
      [360, 72],
      [432, 288],
    ]);
    const [good, bad] = view?.bars ?? [];
    expect(bad?.height).toBeGreaterThan(good?.height ?? 99);
    expect(view?.bars.map(({ title }) => title)).toEqual(['current for 45 d', 'failing for 3 d', 'current for 12 d']);
    expect(view?.text).toBe('In 30 d: current 90 % (2 times), failing 10 %.');
    expect(view?.from.iso).toBe(new Date(NOW - 30 * DAY).toISOString());
  });

  it('begins with the first state where less is known, and shows what was short', () => {
    const view = stateHistoryView(states(['new', 2 * DAY], ['held', HOUR / 60], ['current', HOUR / 120]), NOW);
    expect(view?.bars.every(({ width }) => width >= 1)).toBe(true);
    expect(view?.text).toBe('In 2 d: new 99 %, held under 1 %, current under 1 %.');
    expect(view?.rows.map(({ label, lasted, sentence }) => [label, lasted, sentence])).toEqual([
      ['current', '30 s', 'It is current.'],
      ['held', '30 s', 'It is held.'],
      ['new', '2 d', 'It is new.'],
    ]);
  });

  it('stands a state that began just now, by a clock that was set back as well', () => {
    for (const ago of [0, -HOUR])
      expect(stateHistoryView(states(['current', ago]), NOW)?.text).toBe('In 1 s: current 100 %.');
  });

  it('lists no more than twenty', () => {
    const many = Array.from({ length: 50 }, (_, n) => [n % 2 ? 'late' : 'current', (50 - n) * HOUR] as const);
    expect(
      stateHistoryView(states(...many.map(([word, ago]): [RecordedVerdict['word'], number] => [word, ago])), NOW)?.rows,
    ).toHaveLength(20);
  });
});
