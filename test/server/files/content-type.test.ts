import { expect, test } from 'vitest';
import { contentTypeOf } from '../../../server/files/content-type.js';

const TEXT = 'text/plain; charset=utf-8';

test.each([
  ['pool/main/a/a_1_all.deb', 'application/vnd.debian.binary-package'],
  ['Packages/a-1.noarch.rpm', 'application/x-rpm'],
  ['a.tar.gz', 'application/gzip'],
  ['a.tgz', 'application/gzip'],
  ['a.tar.xz', 'application/x-xz'],
  ['a.tar.zst', 'application/zstd'],
  ['a.tar.bz2', 'application/x-bzip2'],
  ['A.ISO', 'application/x-iso9660-image'],
  ['SHA256SUMS', TEXT],
  ['SHA256SUMS.asc', 'application/pgp-signature'],
  ['SHA256SUMS.gpg', 'application/octet-stream'],
  ['a.iso.sig', 'application/pgp-signature'],
  ['dists/stable/InRelease', TEXT],
  ['dists/stable/Release', TEXT],
  ['dists/stable/Release.gpg', 'application/pgp-signature'],
  ['dists/stable/main/binary-amd64/Packages', TEXT],
  ['dists/stable/main/binary-amd64/Packages.xz', 'application/x-xz'],
  ['project/trace/mirror.example.org', TEXT],
  ['.treeinfo', TEXT],
  ['a_1.dsc', TEXT],
  ['main.rs', TEXT],
  ['index.html', 'text/html'],
  ['a.css', 'text/css; charset=utf-8'],
  ['repodata/repomd.xml', 'application/xml'],
  ['a.json', 'application/json; charset=utf-8'],
  ['logo.svg', 'image/svg+xml'],
  ['by-hash/SHA256/abcdef', 'application/octet-stream'],
  ['a.unknown', 'application/octet-stream'],
  ['a.constructor', 'application/octet-stream'],
  ['a.__proto__', 'application/octet-stream'],
  ['noextension', 'application/octet-stream'],
  ['\xff.deb', 'application/vnd.debian.binary-package'],
])('contentTypeOf %j is %s', (path, type) => {
  expect(contentTypeOf(path.split('/'))).toBe(type);
});
