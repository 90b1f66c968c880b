import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { displayName, encodeName, encodePath, isTransient, joinTree, parseTreePath } from '../../core/tree-path.js';

function segmentsOf(pathname: string): readonly string[] | string {
  const parsed = parseTreePath(pathname);
  return 'path' in parsed ? parsed.path.segments : parsed.problem;
}

describe('parseTreePath', () => {
  test.each([
    ['/debian/pool/a.deb', ['debian', 'pool', 'a.deb']],
    ['/', []],
    ['', []],
    ['/a%20b', ['a b']],
    ['/a+b~1', ['a+b~1']],
    ['/%41', ['A']],
    ['/%ff%0a%22', ['\xff\n"']],
    ['/\xc3\xa9', ['\xc3\xa9']],
    ['/%c3%a9', ['\xc3\xa9']],
    ['/100%25', ['100%']],
    ['/%252e%252e', ['%2e%2e']],
    ['/%252f', ['%2f']],
    ['/..\\..\\etc', ['..\\..\\etc']],
    ['/..%5c', ['..\\']],
    ['/...', ['...']],
    ['/..a/.b', ['..a', '.b']],
    ['/a?b#c', ['a?b#c']],
  ])('reads %j as %j', (pathname, expected) => {
    expect(segmentsOf(pathname)).toEqual(expected);
  });

  test.each([
    ['/..', 'dots'],
    ['/a/../b', 'dots'],
    ['/a/./b', 'dots'],
    ['/%2e%2e/b', 'dots'],
    ['/%2E./b', 'dots'],
    ['/.%2e', 'dots'],
    ['/%2e', 'dots'],
    ['/a%2fb', 'slash'],
    ['/..%2f..%2fetc', 'slash'],
    ['/%2F', 'slash'],
    ['/a%00b', 'nul'],
    ['/a\0b', 'nul'],
    ['/%', 'encoding'],
    ['/%4', 'encoding'],
    ['/%zz', 'encoding'],
    ['/%%41', 'encoding'],
    ['/a\u0100', 'encoding'],
    [`/${'a'.repeat(256)}`, 'length'],
    [`/${'aaaaaaaaa/'.repeat(410)}`, 'length'],
    [`/${'%41'.repeat(5000)}`, 'length'],
  ])('refuses %j as %s', (pathname, problem) => {
    expect(segmentsOf(pathname)).toBe(problem);
  });

  test('takes a segment of 255 bytes, however it is encoded', () => {
    expect(segmentsOf(`/${'%41'.repeat(255)}`)).toEqual(['A'.repeat(255)]);
  });

  test.each([
    ['/a', { segments: ['a'], folder: false, tidy: true }],
    ['/a/', { segments: ['a'], folder: true, tidy: true }],
    ['//a', { segments: ['a'], folder: false, tidy: false }],
    ['/a//b', { segments: ['a', 'b'], folder: false, tidy: false }],
    ['/a//', { segments: ['a'], folder: true, tidy: false }],
  ])('tells of %j whether it is a folder and tidy', (pathname, path) => {
    expect(parseTreePath(pathname)).toEqual({ path });
  });

  test('never gives a path that leads out of the root', () => {
    const piece = fc.constantFrom(
      '..',
      '.',
      '/',
      '%2e',
      '%2E',
      '%2f',
      '%5c',
      '\\',
      '%00',
      '%25',
      '%',
      'a',
      '\xff',
      ' ',
    );
    const hostile = fc.array(fc.oneof(piece, fc.string()), { maxLength: 12 }).map((parts) => `/${parts.join('')}`);
    fc.assert(
      fc.property(hostile, (pathname) => {
        const parsed = parseTreePath(pathname);
        if ('problem' in parsed) return;
        const joined = joinTree('/srv/tree', parsed.path.segments).toString('latin1');
        expect(joined.includes('\0')).toBe(false);
        expect(resolve(joined)).toBe(joined);
        expect(joined === '/srv/tree' || joined.startsWith('/srv/tree/')).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  test('reads back every name that encodePath writes', () => {
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 255 })
      .map((bytes) => Buffer.from(bytes).toString('latin1'))
      .filter((text) => !/[/\0]/.test(text) && text !== '.' && text !== '..');
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 5 }), fc.boolean(), (segments, folder) => {
        const url = encodePath(segments, folder);
        expect(url).toMatch(/^\/[\x21-\x7e]+$/);
        expect(url.startsWith('//')).toBe(false);
        expect(parseTreePath(url)).toEqual({ path: { segments, folder, tidy: true } });
      }),
      { numRuns: 2000 },
    );
  });
});

describe('joinTree', () => {
  test('keeps the bytes of names and of the root', () => {
    const path = joinTree('/srv/é', ['\xff', 'a b']);
    expect(path).toEqual(Buffer.concat([Buffer.from('/srv/é/'), Buffer.from([0xff]), Buffer.from('/a b')]));
  });
});

describe('encodeName', () => {
  test.each([
    ['libstdc++6_1~rc:2.deb', 'libstdc++6_1~rc:2.deb'],
    ['a b', 'a%20b'],
    ['100%', '100%25'],
    ['"\'<>&?#\n', '%22%27%3C%3E%26%3F%23%0A'],
    ['\xff\xc3\xa9', '%FF%C3%A9'],
    ['\\', '%5C'],
  ])('writes %j as %j', (name, encoded) => {
    expect(encodeName(name)).toBe(encoded);
  });
});

describe('displayName', () => {
  test.each([
    ['a"b<c>%.txt', 'a"b<c>%.txt'],
    ['\xc3\xa9t\xc3\xa9', 'été'],
    ['\xf0\x9f\x90\xa7', '🐧'],
    ['\xff', '\\xff'],
    ['caf\xe9\xc3\xa9', 'caf\\xe9é'],
    ['\xc0\xaf', '\\xc0\\xaf'],
    ['\xed\xa0\x80', '\\xed\\xa0\\x80'],
    ['\xef\xbf\xbd\xff', '\ufffd\\xff'],
    ['a\nb\tc\x7f', 'a\\x0ab\\x09c\\x7f'],
    ['\xc2\x85', '\\xc2\\x85'],
    ['exe.\xe2\x80\xaegpj', 'exe.\\xe2\\x80\\xaegpj'],
  ])('shows %j as %j', (name, shown) => {
    expect(displayName(name)).toBe(shown);
  });

  test('has no control character and no lone surrogate, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const shown = displayName(Buffer.from(bytes).toString('latin1'));
        expect(shown).not.toMatch(/[\p{Cc}\p{Cs}]/u);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('isTransient', () => {
  test.each(['.~tmp~', '~tmp~', '.rsync-partial', '.Packages.gz.aB3xY9', '.a.b.ZZZZZZ', '.new\nline.abc123'])(
    'knows %j as incomplete',
    (name) => expect(isTransient(name)).toBe(true),
  );
  test.each([
    '.htaccess',
    '.treeinfo',
    '.discinfo',
    'Packages.gz',
    'a.abcdef',
    '..abcdef',
    '.a.b',
    '.a.abcdefg',
    '.a.ab-def',
  ])('serves %j', (name) => expect(isTransient(name)).toBe(false));
});
