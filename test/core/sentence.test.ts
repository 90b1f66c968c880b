import { describe, expect, it } from 'vitest';
import { moment, plainSentence, say } from '../../core/sentence.js';

const AT = Date.UTC(2026, 0, 2, 3, 4, 59);

describe('say', () => {
  it('keeps moments apart from text, those of a sentence inside it too', () => {
    const inner = say`since ${moment(AT)}.`;
    expect(say`Down ${inner} Try ${2}.`).toEqual(['Down since ', { at: AT }, '. Try 2.']);
  });

  it('leaves no empty part', () => {
    expect(say`${''}${moment(AT)}${''}`).toEqual([{ at: AT }]);
  });
});

describe('plainSentence', () => {
  it('writes moments to the minute, in UTC', () => {
    expect(plainSentence(say`At ${moment(AT)}.`)).toBe('At 2026-01-02 03:04 UTC.');
  });
});
