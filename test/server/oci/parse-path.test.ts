import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OciError } from '../../../core/oci/errors.js';
import { isRepositoryName } from '../../../core/oci/names.js';
import { isRegistryPath, parsePath } from '../../../server/oci/parse-path.js';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const ID = '01234567-89ab-cdef-0123-456789abcdef';

describe('isRegistryPath', () => {
  it.each(['/v2', '/v2/', '/v2/a/tags/list'])('takes %s', (path) => expect(isRegistryPath(path)).toBe(true));
  it.each(['/', '/v2x', '/v1/', '/debian/v2/', ''])('leaves %s', (path) => expect(isRegistryPath(path)).toBe(false));
});

describe('parsePath', () => {
  it.each([
    ['/v2', 'base', '', ''],
    ['/v2/', 'base', '', ''],
    ['/v2/_catalog', 'catalog', '', ''],
    ['/v2/token', 'token', '', ''],
    ['/v2/a/tags/list', 'tags', 'a', ''],
    ['/v2/a/b/manifests/1.0', 'manifest', 'a/b', '1.0'],
    [`/v2/a/manifests/${DIGEST}`, 'manifest', 'a', DIGEST],
    [`/v2/a/manifests/${DIGEST.replace(':', '%3A')}`, 'manifest', 'a', DIGEST],
    [`/v2/a/blobs/${DIGEST}`, 'blob', 'a', DIGEST],
    ['/v2/a/blobs/uploads/', 'uploads', 'a', ''],
    ['/v2/a/blobs/uploads', 'uploads', 'a', ''],
    [`/v2/a/blobs/uploads/${ID}`, 'upload', 'a', ID],
    [`/v2/a/referrers/${DIGEST}`, 'referrers', 'a', DIGEST],
    // names may hold what other paths end with
    ['/v2/a/blobs/uploads/manifests/1', 'manifest', 'a/blobs/uploads', '1'],
    ['/v2/a/blobs/uploads/tags/list', 'tags', 'a/blobs/uploads', ''],
    ['/v2/blobs/uploads/blobs/uploads/', 'uploads', 'blobs/uploads', ''],
    ['/v2/tags/list/tags/list', 'tags', 'tags/list', ''],
    ['/v2/manifests/manifests/manifests', 'manifest', 'manifests', 'manifests'],
    ['/v2/a%2Fb/manifests/1', 'manifest', 'a/b', '1'],
  ])('reads %s', (path, kind, name, reference) => expect(parsePath(path)).toEqual({ kind, name, reference }));

  it.each([
    ['/v2/nothing', 'NAME_UNKNOWN'],
    ['/v2/a/tags/other', 'NAME_UNKNOWN'],
    ['/v2/a/tags/list/', 'NAME_UNKNOWN'],
    ['/v2/constructor', 'NAME_UNKNOWN'],
    ['/v2/manifests/1', 'NAME_INVALID'],
    ['/v2//manifests/1', 'NAME_INVALID'],
    ['/v2/a//b/manifests/1', 'NAME_INVALID'],
    ['/v2/../a/manifests/1', 'NAME_INVALID'],
    ['/v2/A/manifests/1', 'NAME_INVALID'],
    ['/v2/%zz/manifests/1', 'NAME_INVALID'],
    [`/v2/${'a/'.repeat(101)}a/manifests/1`, 'NAME_INVALID'],
    ['/v2/a/manifests/.x', 'TAG_INVALID'],
    ['/v2/a/manifests/', 'TAG_INVALID'],
    ['/v2/a/manifests/sha256:abc', 'DIGEST_INVALID'],
    ['/v2/a/blobs/abc', 'DIGEST_INVALID'],
    ['/v2/a/referrers/latest', 'DIGEST_INVALID'],
    ['/v2/a/blobs/uploads/..', 'BLOB_UPLOAD_UNKNOWN'],
    ['/v2/a/blobs/uploads/%2e%2e%2fx', 'NAME_UNKNOWN'],
  ])('refuses %s with %s', (path, code) => {
    expect(() => parsePath(path)).toThrow(expect.objectContaining({ code }) as Error);
  });

  it('reads anything or says no in the words of the catalogue', () => {
    const word = fc.constantFrom(
      'a',
      'blobs',
      'uploads',
      'manifests',
      'tags',
      'list',
      'referrers',
      '..',
      '',
      '%2e',
      ID,
      DIGEST,
    );
    const path = fc.oneof(fc.array(fc.oneof(word, fc.string()), { maxLength: 8 }).map((parts) => parts.join('/')));
    fc.assert(
      fc.property(path, (rest) => {
        try {
          const { kind, name } = parsePath(`/v2/${rest}`);
          expect(name === '' ? ['base', 'catalog', 'token'].includes(kind) : isRepositoryName(name)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(OciError);
          expect((error as OciError).status).toBeLessThan(500);
        }
      }),
    );
  });
});
