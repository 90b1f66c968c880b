import { describe, expect, test } from 'vitest';
import { evaluateConditions, isRangeFresh } from '../../../server/files/conditions.js';
import { formatHttpDate } from '../../../server/files/http-date.js';

const MODIFIED = Date.UTC(2026, 10, 23, 6) + 400;
const AT = formatHttpDate(MODIFIED);
const BEFORE = formatHttpDate(MODIFIED - 1000);
const AFTER = formatHttpDate(MODIFIED + 1000);
const strong = { etag: '"a,b"', lastModified: MODIFIED, now: MODIFIED + 60_000 };
const weak = { ...strong, etag: 'W/"a,b"' };

describe('evaluateConditions', () => {
  test.each([
    [{}, 'proceed'],
    [{ 'if-match': '"a,b"' }, 'proceed'],
    [{ 'if-match': '"x", "a,b"' }, 'proceed'],
    [{ 'if-match': '*' }, 'proceed'],
    [{ 'if-match': '"x"' }, 'failed'],
    [{ 'if-match': 'W/"a,b"' }, 'failed'],
    [{ 'if-unmodified-since': AT }, 'proceed'],
    [{ 'if-unmodified-since': AFTER }, 'proceed'],
    [{ 'if-unmodified-since': BEFORE }, 'failed'],
    [{ 'if-unmodified-since': 'yesterday' }, 'proceed'],
    [{ 'if-none-match': '"a,b"' }, 'not-modified'],
    [{ 'if-none-match': 'W/"a,b"' }, 'not-modified'],
    [{ 'if-none-match': '"x" , W/"a,b"' }, 'not-modified'],
    [{ 'if-none-match': '*' }, 'not-modified'],
    [{ 'if-none-match': '"a", "b"' }, 'proceed'],
    [{ 'if-none-match': 'a,b' }, 'proceed'],
    [{ 'if-modified-since': AT }, 'not-modified'],
    [{ 'if-modified-since': AFTER }, 'proceed'], // an earlier file is another one
    [{ 'if-modified-since': BEFORE }, 'proceed'],
    [{ 'if-modified-since': 'yesterday' }, 'proceed'],
    // precedence: If-Match over If-Unmodified-Since, If-None-Match over If-Modified-Since, 412 over 304
    [{ 'if-match': '"a,b"', 'if-unmodified-since': BEFORE }, 'proceed'],
    [{ 'if-none-match': '"x"', 'if-modified-since': AFTER }, 'proceed'],
    [{ 'if-match': '"x"', 'if-none-match': '"a,b"' }, 'failed'],
    [{ 'if-match': '"a,b"', 'if-none-match': '"a,b"' }, 'not-modified'],
    [{ 'if-unmodified-since': BEFORE, 'if-none-match': '"a,b"' }, 'failed'],
  ])('answers %j with %s', (headers, expected) => {
    expect(evaluateConditions(headers, strong)).toBe(expected);
  });

  test('ignores dates where no time of modification is known', () => {
    const undated = { ...weak, lastModified: null };
    expect(evaluateConditions({ 'if-modified-since': AFTER }, undated)).toBe('proceed');
    expect(evaluateConditions({ 'if-unmodified-since': BEFORE }, undated)).toBe('proceed');
    expect(isRangeFresh(AT, undated)).toBe(false);
  });

  test('compares a weak entity tag for If-None-Match and never for If-Match', () => {
    expect(evaluateConditions({ 'if-none-match': '"a,b"' }, weak)).toBe('not-modified');
    expect(evaluateConditions({ 'if-match': 'W/"a,b"' }, weak)).toBe('failed');
    expect(evaluateConditions({ 'if-match': '*' }, weak)).toBe('proceed');
  });
});

describe('isRangeFresh', () => {
  test.each([
    [undefined, true],
    ['"a,b"', true],
    ['W/"a,b"', false],
    ['"x"', false],
    [AT, true],
    [AFTER, false],
    [BEFORE, false],
    ['yesterday', false],
  ])('answers If-Range %j with %s', (ifRange, expected) => {
    expect(isRangeFresh(ifRange, strong)).toBe(expected);
  });

  test('trusts no date of a file that was modified within this second', () => {
    expect(isRangeFresh(AT, { ...strong, now: MODIFIED + 100 })).toBe(false);
    expect(isRangeFresh(AT, { ...strong, now: MODIFIED + 1000 })).toBe(true);
  });

  test('trusts no weak entity tag', () => {
    expect(isRangeFresh('W/"a,b"', weak)).toBe(false);
  });
});
