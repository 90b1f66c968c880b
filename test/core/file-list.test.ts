import fc from 'fast-check';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { FileListReader, Fingerprints, linesOf, type ListedEntry } from '../../core/file-list.js';

function read(text: string): ListedEntry[] {
  const reader = new FileListReader('fullfiletimelist-x');
  const entries = text.split('\n').flatMap((line) => reader.push(line) ?? []);
  reader.end();
  return entries;
}

const list = (...entries: string[]): string =>
  [
    '[Version]',
    '2',
    '',
    '[Files]',
    ...entries,
    '',
    '[Checksums SHA1]',
    'abc\trepodata/repomd.xml',
    '',
    '[End]',
    '',
  ].join('\n');

describe('FileListReader', () => {
  test('reads files, folders and links, and which of them not everybody may have', () => {
    const lines = ['1700000000\tf\t12\ta/b c.rpm', '1700000001\td\t4096\ta/', '1700000002\tl\t3\tlatest'];
    expect(read(list(...lines, '1700000003\tf*\t5\tsecret', '1700000004\td-\t5\tclosed'))).toEqual([
      { path: 'a/b c.rpm', kind: 'file', size: 12, restricted: false, line: lines[0] },
      { path: 'a', kind: 'folder', size: 4096, restricted: false, line: lines[1] },
      { path: 'latest', kind: 'link', size: 3, restricted: false, line: lines[2] },
      { path: 'secret', kind: 'file', size: 5, restricted: true, line: '1700000003\tf*\t5\tsecret' },
      { path: 'closed', kind: 'folder', size: 5, restricted: true, line: '1700000004\td-\t5\tclosed' },
    ]);
  });

  test.each([
    ['without its end', list('1\tf\t1\ta').replace('[End]\n', ''), 'is torn: it does not end with [End]'],
    ['cut in the middle', list('1\tf\t1\ta', '2\tf\t2\tb').slice(0, -30), 'is torn'],
    ['of no file', list(), 'names no file'],
    ['that is a page', '<html>\n</html>\n', 'is no list of files'],
    ['that is empty', '', 'is torn'],
    ['with a kind that there is not', list('1\tq\t1\ta'), 'has a line 5 that is not time, kind, size and path'],
    ['with a line without end', `[Version]\n${'x'.repeat(8193)}`, 'has a line 2 of over 8192 bytes'],
    ['with a size that is none', list('1\tf\t-1\ta'), 'has a line 5 that is not time, kind, size and path'],
  ])('refuses a list %s', (_, text, words) => {
    expect(() => read(text)).toThrow(words);
    expect(() => read(text)).toThrow(/^The list of files fullfiletimelist-x /);
  });

  test.each(['../x', 'a/../../x', '/etc/passwd', 'a//b', './a', 'a/.', '..', `${'x'.repeat(256)}`, 'a\0b', 'a\rb'])(
    'refuses the path %j',
    (path) => {
      expect(() => read(list('1\tf\t1\tgood', `1\tf\t1\t${path}`))).toThrow(
        'names a path in line 6 that would lead out',
      );
    },
  );
});

describe('linesOf', () => {
  const lines = async (chunks: readonly string[]): Promise<string[]> => {
    const found: string[] = [];
    for await (const line of linesOf(Readable.from(chunks))) found.push(line);
    return found;
  };

  test('is the same however the file comes', async () => {
    expect(await lines(['a\nb', 'c\n', '\nd'])).toEqual(['a', 'bc', '', 'd']);
    expect(await lines(['a\r\n'])).toEqual(['a\r']);
    expect(await lines([])).toEqual([]);
  });

  test('keeps no more of a line without end than tells that it is too long', async () => {
    const [line, ...more] = await lines(Array.from({ length: 100 }, () => 'x'.repeat(65_536)));
    expect(line?.length).toBeLessThan(100_000);
    expect(more).toEqual([]);
    expect(() => new FileListReader('x').push(line ?? '')).toThrow('has a line 1 of over 8192 bytes');
  });
});

describe('Fingerprints', () => {
  test('knows what was added and nothing else, in whatever order it is asked', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string(), { maxLength: 200 }),
        fc.array(fc.string(), { maxLength: 200 }),
        (some, others) => {
          const known = new Fingerprints();
          for (const text of some) {
            known.add(text);
            expect(known.has(text)).toBe(true);
          }
          for (const text of others) expect(known.has(text)).toBe(some.includes(text));
        },
      ),
    );
  });

  test('grows', () => {
    const known = new Fingerprints();
    for (let n = 0; n < 20_000; n++) known.add(`path/${n}`);
    expect([0, 4095, 4096, 19_999].every((n) => known.has(`path/${n}`))).toBe(true);
    expect(known.has('path/20000')).toBe(false);
  });
});
