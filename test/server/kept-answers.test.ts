import { describe, expect, it } from 'vitest';
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
