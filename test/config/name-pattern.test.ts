import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchesName, namePatternProblem, nameMatcher } from '../../config/name-pattern.js';

describe('matchesName', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['library/*', ['library/debian', 'library/a.b-c_d'], ['library', 'library/a/b', 'xlibrary/a', 'library/']],
    ['lab/**', ['lab/x', 'lab/x/y', 'lab'], ['labs/x', 'x/lab/y']],
    ['**', ['x', 'x/y', 'x/y/z'], []],
    ['*', ['x'], ['x/y']],
    ['**/x', ['x', 'a/x', 'a/b/x'], ['a/xx', 'ax']],
    ['a/**/x', ['a/x', 'a/b/x', 'a/b/c/x'], ['a/b', 'ax']],
    ['a/b', ['a/b'], ['a/b/c', 'a/bc', 'aa/b']],
    ['team-*/app', ['team-1/app', 'team-/app'], ['team/app', 'team-1/x/app']],
    ['a.b', ['a.b'], ['axb']],
  ])('%s fits %j, not %j', (pattern, fitting, others) => {
    expect(namePatternProblem(pattern)).toBeUndefined();
    expect(fitting.filter((name) => !matchesName(pattern, name))).toEqual([]);
    expect(others.filter((name) => matchesName(pattern, name))).toEqual([]);
  });

  test('a name alone fits itself and nothing else', () => {
    const name = fc.stringMatching(/^[a-z0-9]+([._-][a-z0-9]+)*(\/[a-z0-9]+)*$/).filter((text) => text.length <= 100);
    fc.assert(
      fc.property(name, name, (one, other) => {
        expect(namePatternProblem(one)).toBeUndefined();
        expect(matchesName(one, other)).toBe(one === other);
        expect(matchesName(`${one}/**`, `${one}/${other}`)).toBe(true);
      }),
    );
  });
});

describe('nameMatcher', () => {
  test('fits what one of its patterns fits, and nothing without patterns', () => {
    const matches = nameMatcher(['lab/*', 'ci']);
    expect(['lab/x', 'ci', 'ci/x'].map(matches)).toEqual([true, true, false]);
    expect(nameMatcher([])('lab/x')).toBe(false);
  });
});
