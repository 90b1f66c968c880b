import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tagMatcher, tagPatternProblem } from '../../config/tag-pattern.js';

describe('tagMatcher', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['*', ['a', '12.5', '_x', 'v1-rc.1'], []],
    ['stable*', ['stable', 'stable-slim'], ['unstable', 'Stable']],
    ['*-backports*', ['bookworm-backports', 'x-backports-1'], ['backports', 'backports-x']],
    ['12', ['12'], ['12.5', '112', 'v12']],
    ['1.2', ['1.2'], ['1x2']],
    ['1?', ['12', '1x'], ['1', '123']],
    ['[0-9]*', ['1', '12-slim'], ['v1']],
    ['[^0-9]*', ['v1'], ['1', '12-slim']],
    ['{bookworm,trixie}-*', ['bookworm-slim', 'trixie-x'], ['bookworm', 'sid-slim']],
    ['v*', ['v1', 'v'], ['V1', '1v']],
    ['/[0-9]+\\.[0-9]+(-slim)?/', ['12.5', '12.5-slim'], ['12', 'x12.5', '12.5-slim-x']],
    ['/a|b/', ['a', 'b'], ['ab', 'ax', 'xb']],
    ['/^x$/', ['x'], ['xx']],
  ])('%s fits %j, not %j', (pattern, fitting, others) => {
    expect(tagPatternProblem(pattern)).toBeUndefined();
    const matches = tagMatcher(pattern);
    expect(fitting.filter((tag) => !matches(tag))).toEqual([]);
    expect(others.filter(matches)).toEqual([]);
  });

  test('a tag alone fits itself and nothing else', () => {
    const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
    fc.assert(
      fc.property(tag, tag, (one, other) => {
        expect(tagPatternProblem(one)).toBeUndefined();
        expect(tagMatcher(one)(one)).toBe(true);
        expect(tagMatcher(one)(other)).toBe(one === other);
      }),
    );
  });
});

describe('tagPatternProblem', () => {
  test('answers with a sentence or nothing, and what has no problem can be compiled', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab1.-*?[]{},^!/()\\+|') }), (pattern) => {
        if (tagPatternProblem(pattern) === undefined) tagMatcher(pattern)('a');
      }),
    );
    expect(tagPatternProblem('x'.repeat(257))).toContain('is longer than 256 characters');
  });
});
