import { describe, expect, test } from 'vitest';
import { backoffAfter, FAILURE_RULES, type FailureClass } from '../../core/failure.js';

const RULE = { attempts: 10, firstBackoff: 60, maxBackoff: 3600 };
const CLASSES = Object.keys(FAILURE_RULES) as FailureClass[];

describe('backoffAfter', () => {
  test('doubles with each try and never exceeds the cap', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((attempt) => backoffAfter('partial', attempt, RULE));
    expect(waits).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
  });

  test('asks an upstream that cannot be reached later than one that lacked a file', () => {
    expect(backoffAfter('connect', 1, RULE)).toBe(240);
    expect(backoffAfter('timeout', 1, RULE)).toBe(120);
  });

  test('ends with the last try', () => {
    expect(backoffAfter('partial', 10, RULE)).toBeNull();
    expect(backoffAfter('partial', 1, { ...RULE, attempts: 1 })).toBeNull();
  });

  test('stays at the cap however many tries there are', () => {
    expect(backoffAfter('connect', 5000, { ...RULE, attempts: 10_000 })).toBe(3600);
  });

  test.each(['disk-full', 'local'] as const)('tries no more what only a person can mend: %s', (failure) => {
    expect(backoffAfter(failure, 1, RULE)).toBeNull();
  });

  test.each(CLASSES.filter((failure) => FAILURE_RULES[failure].retry))(
    'waits some time before a retry of %s',
    (failure) => {
      expect(backoffAfter(failure, 1, RULE)).toBeGreaterThanOrEqual(RULE.firstBackoff);
    },
  );
});
