import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linesOf } from '../../cli/lines.js';
import { printable } from '../../cli/printable.js';
import { table } from '../../cli/table.js';

async function lines(chunks: Buffer[], maxBytes = 1000): Promise<string[]> {
  const all: string[] = [];
  async function* source(): AsyncGenerator<Buffer> {
    for (const chunk of chunks) yield await Promise.resolve(chunk);
  }
  for await (const line of linesOf(source(), maxBytes)) all.push(line);
  return all;
}

describe('linesOf', () => {
  it('gives the same lines however the bytes were cut', async () => {
    const cuts = fc.array(fc.nat(60), { maxLength: 8 });
    const text = fc.array(fc.stringMatching(/^[aä€\u{1f600}]{0,6}$/u), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(text, cuts, async (expected, at) => {
        const bytes = Buffer.from(`${expected.join('\n')}\n`);
        const places = [0, ...at.filter((cut) => cut < bytes.length), bytes.length].sort((a, b) => a - b);
        const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
        expect(await lines(chunks)).toEqual(expected);
      }),
    );
  });

  it('cuts a line that is too long, and gives a last one without an end', async () => {
    expect(await lines([Buffer.from('abcdefg\nxy')], 10)).toEqual(['abcdefg', 'xy']);
    expect(await lines([Buffer.from('abcdefg')], 3)).toEqual(['abc', 'def', 'g']);
  });
});

describe('printable', () => {
  it('shows what would steer a terminal', () => {
    expect(printable('a\x1b[31mred\x07\x9b\x7f \u202egnp.exe')).toBe('a\\x1b[31mred\\x07\\x9b\\x7f \\u202egnp.exe');
  });

  it('leaves lines, tabs and other scripts alone', () => {
    expect(printable('Größe\t1\n→ 鏡')).toBe('Größe\t1\n→ 鏡');
  });
});

describe('table', () => {
  it('aligns columns and leaves no blanks at the ends of lines', () => {
    expect(
      table([
        ['● a', 'current', 'x'],
        ['◐ long', 'new', ''],
      ]),
    ).toBe('● a     current  x\n◐ long  new');
  });
});
