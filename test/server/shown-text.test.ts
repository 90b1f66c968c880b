import { describe, expect, it } from 'vitest';
import { shownText } from '../../server/shown-text.js';

describe('shownText', () => {
  it.each([
    ['a\tb\r\nc', 'a b c'],
    ['left\u202eright', 'left right'],
    ['zero\u200bwidth\ufeff', 'zero width'],
    ['é ü 漢 🙂', 'é ü 漢 🙂'],
  ])('makes of %j one line without what cannot be seen', (text, shown) => {
    expect(shownText(text, 50)).toBe(shown);
  });

  it('cuts between characters, and says so', () => {
    expect(shownText('🙂🙂🙂', 2)).toBe('🙂🙂…');
    expect(shownText('x'.repeat(10_000_000), 3)).toBe('xxx…');
    expect(shownText('xxx', 3)).toBe('xxx');
  });
});
