import { describe, expect, test } from 'vitest';
import { parseTreePath, type TreePath } from '../../../core/tree-path.js';
import { derivedTarget, formRequest } from '../../../server/derived/forms.js';

function pathOf(text: string): TreePath {
  const parsed = parseTreePath(text);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return parsed.path;
}

describe('derivedTarget', () => {
  test.each([
    ['/a/f.iso.sha256', '/a/f.iso.sha256', { form: 'sha256', segments: ['a', 'f.iso'] }],
    ['/f.iso.meta4', '/f.iso.meta4', { form: 'meta4', segments: ['f.iso'] }],
    ['/f', '/f?torrent', { form: 'torrent', segments: ['f'] }],
    ['/f', '/f?magnet=', { form: 'magnet', segments: ['f'] }],
    ['/f.meta4', '/f.meta4?info', { form: 'info', segments: ['f.meta4'] }],
    ['/f.torrent.sha256', '/f.torrent.sha256', { form: 'sha256', segments: ['f.torrent'] }],
  ])('reads %s as %s', (path, url, target) => expect(derivedTarget(pathOf(path), url)).toEqual(target));

  test.each([
    '/',
    '/f',
    '/.meta4',
    '/f.info',
    '/f.META4',
    '/f.meta4/',
    '//f.meta4',
    '/.f.AbCd12.meta4/.x.Ab12Cd.meta4',
  ])('takes %s for nothing of the kind', (path) => expect(derivedTarget(pathOf(path), path)).toBeUndefined());
});

describe('formRequest', () => {
  const isMirror = (name: string): boolean => name === 'debian';

  test('is a request by query below a mirror', () =>
    expect(formRequest('http://h/debian/a%20b?sha256', isMirror)).toMatchObject({
      mirror: 'debian',
      path: { segments: ['a b'] },
    }));

  test.each([
    '/debian/a',
    '/debian/a?sha1',
    '/debian/a?x&sha256',
    '/debian/a/?info',
    '/debian/?info',
    '/x/a?info',
    '/debian/%zz?info',
    '/debian/../x?info',
    '*?info',
  ])('is not %s', (url) => expect(formRequest(url, isMirror)).toBeUndefined());
});
