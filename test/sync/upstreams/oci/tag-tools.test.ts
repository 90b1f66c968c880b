import { describe, expect, test } from 'vitest';
import { makeTagTools } from '../../../../sync/upstreams/oci/tag-tools.js';

describe('makeTagTools', () => {
  const tools = makeTagTools();

  test.each<[string, string | null]>([
    ['12', '12.0'],
    ['v12', '12.0'],
    ['12.5', '12.5'],
    ['v1.2.3', '1.2'],
    ['24.04', '24.4'],
    ['2024.01.15', '2024.1'],
    ['99999', '99999.0'],
    ['0', '0.0'],
    ['123456', null],
    ['20240329', null],
    ['v20240329', null],
    ['20240329.1', '20240329.1'],
    ['1.2.3.4', null],
    ['12.5-slim', null],
    ['1.2.3-rc1', null],
    ['V1', null],
    ['1.', null],
    ['.1', null],
    ['v', null],
    ['latest', null],
    ['1_2', null],
    ['1.1234567890123456', null],
  ])('reads the tag %s as a version of %s', (tag, minor) => expect(tools.minor(tag)).toBe(minor));

  test.each<[string, string, boolean]>([
    ['12', '>=12', true],
    ['12', '12.x', true],
    ['12', '>12', false],
    ['12.5', '~12.5', true],
    ['11.9', '>=12', false],
    ['24.04', '>=24.04', true],
    ['24.10', '>=22.04 <24.10', false],
    ['v1.2.3', '^1.2', true],
    ['2.0.0', '^1.2 || 2', true],
    ['12', '11 - 12', true],
    ['1.2.3-rc1', '>=1.2.3-rc0', false],
    ['latest', '*', false],
  ])('%s within %s: %s', (tag, range, is) => expect(tools.satisfies(tag, range)).toBe(is));

  test('orders versions by their numbers, and what is no version not at all', () => {
    expect(['9.13', '12', '11.9', '12.10', '12.5'].sort(tools.compare)).toEqual([
      '9.13',
      '11.9',
      '12',
      '12.5',
      '12.10',
    ]);
    expect(tools.compare('12', 'v12.0.0')).toBe(0);
    expect(tools.compare('12', 'latest')).toBe(0);
  });
});
