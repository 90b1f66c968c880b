import { describe, expect, test } from 'vitest';
import { quarantinesInARow, type RunOutcome } from '../../core/run.js';

describe('quarantinesInARow', () => {
  test.each<[number, (RunOutcome | null)[]]>([
    [0, []],
    [0, ['updated', 'quarantined']],
    [1, ['quarantined', 'unchanged', 'quarantined']],
    [2, ['quarantined', 'cancelled', 'interrupted', 'quarantined', 'failed', 'quarantined']],
    [3, ['quarantined', 'quarantined', 'quarantined']],
    [0, ['cancelled', 'held', 'quarantined']],
  ])('counts %d in %j', (count, outcomes) => {
    expect(quarantinesInARow(outcomes.map((outcome) => ({ outcome })))).toBe(count);
  });
});
