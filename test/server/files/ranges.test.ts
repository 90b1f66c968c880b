import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRange } from '../../../server/files/ranges.js';

/** Short form: "whole", "unsatisfiable", or "0-1,5-9". */
function parsed(field: string | undefined, size: number): string {
  const request = parseRange(field, size);
  return request.kind === 'ranges'
    ? request.ranges.map((range) => `${range.first}-${range.last}`).join(',')
    : request.kind;
}

describe('parseRange', () => {
  test.each([
    [undefined, 'whole'],
    ['bytes=0-', '0-9'],
    ['bytes=0-0', '0-0'],
    ['BYTES=0-0', '0-0'],
    ['bytes=3-5', '3-5'],
    ['bytes=3-99', '3-9'],
    ['bytes=-3', '7-9'],
    ['bytes=-99', '0-9'],
    ['bytes=0-0,-1', '0-0,9-9'],
    ['bytes= 5-6 , 0-1 ', '5-6,0-1'],
    ['bytes=0-1,,3-4,', '0-1,3-4'],
    ['bytes=0-1,50-60', '0-1'],
    ['bytes=9007199254740993000-', 'unsatisfiable'],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=50-60,70-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=', 'whole'],
    ['bytes=,', 'whole'],
    ['bytes=-', 'whole'],
    ['bytes=a-b', 'whole'],
    ['bytes=5-3', 'whole'],
    ['bytes=0-1,5-3', 'whole'],
    ['bytes=0-1;2-3', 'whole'],
    ['bytes=+1-2', 'whole'],
    ['bytes 0-1', 'whole'],
    ['items=0-1', 'whole'],
    ['bytes=0-9,0-9', 'whole'],
    ['bytes=0-5,3-9', 'whole'],
  ])('reads %j of ten bytes as %s', (field, expected) => {
    expect(parsed(field, 10)).toBe(expected);
  });

  test('has no range of an empty file', () => {
    expect(parsed('bytes=0-', 0)).toBe('unsatisfiable');
    expect(parsed('bytes=-0', 0)).toBe('unsatisfiable');
    expect(parsed('bytes=-5', 0)).toBe('whole');
  });

  test('takes 256 ranges and answers more with the whole', () => {
    const ranges = (count: number): string =>
      `bytes=${Array.from({ length: count }, (_, index) => `${index * 10}-${index * 10 + 1}`).join(',')}`;
    expect(parsed(ranges(256), 10_000).split(',')).toHaveLength(256);
    expect(parsed(ranges(257), 10_000)).toBe('whole');
  });

  test('selects the bytes that RFC 9110 section 14.1.2 names', () => {
    const bound = fc.nat({ max: 60 });
    const spec = fc.oneof(
      fc.tuple(bound, bound).map(([first, last]) => ({ text: `${first}-${last}`, first, last, suffix: -1 })),
      bound.map((first) => ({ text: `${first}-`, first, last: Infinity, suffix: -1 })),
      bound.map((suffix) => ({ text: `-${suffix}`, first: -1, last: -1, suffix })),
    );
    fc.assert(
      fc.property(fc.nat({ max: 40 }), fc.array(spec, { minLength: 1, maxLength: 5 }), (size, specs) => {
        const bytes = Array.from({ length: size }, (_, index) => index);
        const picked = specs.map((one) =>
          one.suffix >= 0
            ? bytes.slice(Math.max(0, size - one.suffix))
            : bytes.filter((index) => index >= one.first && index <= one.last),
        );
        const satisfiable = specs.map((one) => (one.suffix >= 0 ? one.suffix > 0 : one.first < size));
        const total = picked.reduce((sum, part) => sum + part.length, 0);
        const expected = specs.some((one) => one.suffix < 0 && one.last < one.first)
          ? 'whole'
          : !satisfiable.includes(true)
            ? 'unsatisfiable'
            : total === 0 || total > size
              ? 'whole'
              : picked
                  .filter((part) => part.length > 0)
                  .map((part) => `${part[0]}-${part.at(-1)}`)
                  .join(',');
        expect(parsed(`bytes=${specs.map((one) => one.text).join(', ')}`, size)).toBe(expected);
      }),
      { numRuns: 3000 },
    );
  });
});
