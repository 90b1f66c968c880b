import { expect, test } from 'vitest';
import { cacheControlOf } from '../../../server/files/cache-rules.js';

const IMMUTABLE = 'public, max-age=31536000, immutable';
const INDEX = 'public, max-age=60, must-revalidate';
const ORDINARY = 'public, max-age=3600';

test.each([
  ['pool/main/a/a_1_all.deb', IMMUTABLE],
  ['pool/a-1.rpm', IMMUTABLE],
  [`dists/stable/main/binary-amd64/by-hash/SHA256/${'0'.repeat(64)}`, IMMUTABLE],
  ['dists/stable/main/by-hash/SHA256/Packages.xz', INDEX],
  ['pool/main/a/a_1.dsc', ORDINARY],
  ['pool.deb', ORDINARY],
  ['Packages/a-1.rpm', ORDINARY],
  ['dists/stable/InRelease', INDEX],
  ['dists/stable/main/i18n/Translation-en.xz', INDEX],
  ['Packages.gz', INDEX],
  ['Release', INDEX],
  ['x86_64/repodata/repomd.xml', INDEX],
  ['x86_64/repodata/primary.xml.gz', INDEX],
  ['core/os/x86_64/core.db', INDEX],
  ['core/os/x86_64/core.db.tar.gz', INDEX],
  ['core/os/x86_64/core.files', INDEX],
  ['v3/main/x86_64/APKINDEX.tar.gz', INDEX],
  ['project/trace/master', INDEX],
  ['SHA256SUMS', INDEX],
  ['lastupdate', INDEX],
  ['iso/a.iso', ORDINARY],
  ['README', ORDINARY],
])('cacheControlOf %j is %s', (path, rule) => {
  expect(cacheControlOf(path.split('/'))).toBe(rule);
});
