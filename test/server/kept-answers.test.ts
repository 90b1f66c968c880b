import { describe, expect, it, vi } from 'vitest';
import { KeptAnswers } from '../../server/kept-answers.js';

describe('KeptAnswers', () => {
  it('makes an answer once for each version', () => {
    const answers = new KeptAnswers();
    let made = 0;
    const get = (key: string, version: string) => answers.get(key, version, () => `${key} ${++made}`);
    const first = get('a', '1');
    expect(get('a', '1')).toBe(first);
    expect(get('b', '1').body.toString()).toBe('b 2');
    expect(get('a', '2').body.toString()).toBe('a 3');
    expect(made).toBe(3);
  });

  it('gives equal bodies equal ETags and others another', () => {
    const answers = new KeptAnswers();
    const etag = (version: string, body: string) => answers.get('x', version, () => body).etag;
    expect(etag('1', 'same')).toBe(etag('2', 'same'));
    expect(etag('3', 'other')).not.toBe(etag('4', 'same'));
    expect(etag('5', '')).toMatch(/^"[\w-]+"$/);
  });

  it('gives out what stands while it is made anew, where the clock alone has gone on, and no further', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const answers = new KeptAnswers();
      const get = (facts: string, at: number, make = () => `${facts} ${at}`): string =>
        answers.get('x', `${facts} ${at}`, make, { facts, at, most: 15 }).body.toString();
      expect(get('a', 0)).toBe('a 0');
      expect([get('a', 15), get('a', 15)]).toEqual(['a 0', 'a 0']);
      vi.runAllTimers();
      expect(get('a', 15)).toBe('a 15');
      expect([get('a', 31), get('b', 31), get('b', 30)]).toEqual(['a 31', 'b 31', 'b 30']);
      const fails = (): string => {
        throw new Error('no');
      };
      expect(get('b', 40, fails)).toBe('b 30');
      vi.runAllTimers();
      expect(() => get('b', 40, fails)).toThrow('no');
      // something came between
      expect([get('b', 40), get('b', 50), get('c', 50)]).toEqual(['b 40', 'b 40', 'c 50']);
      vi.runAllTimers();
      expect(get('c', 50)).toBe('c 50');
    } finally {
      vi.useRealTimers();
    }
  });

  it('forgets what was asked for the longest time ago', () => {
    const answers = new KeptAnswers();
    let made = 0;
    const get = (key: number) => answers.get(String(key), '1', () => String(++made));
    for (let key = 0; key < 500; key++) get(key);
    get(499);
    expect(made).toBe(500);
    get(0);
    expect(made).toBe(501);
  });
});
