import { describe, expect, test } from 'vitest';
import { parsePackageFile } from '../../core/package-file.js';
import { DifferenceSum } from '../../core/tree-difference.js';

describe('parsePackageFile', () => {
  test.each([
    ['libc6_2.36-9+deb12u8_amd64.deb', 'libc6', '2.36-9+deb12u8', 'amd64'],
    ['g++_4%3a12.2.0-3_arm64.deb', 'g++', '4:12.2.0-3', 'arm64'],
    ['kernel-core-6.8.9-300.fc40.x86_64.rpm', 'kernel-core', '6.8.9-300.fc40', 'x86_64'],
    ['python-3.12.3-1-x86_64.pkg.tar.zst', 'python', '3.12.3-1', 'x86_64'],
    ['lib-ssl-3.3.0-r2.apk', 'lib-ssl', '3.3.0-r2', ''],
  ])('reads %s', (file, name, version, arch) => expect(parsePackageFile(file)).toEqual({ name, version, arch }));

  test.each(['Packages.gz', 'README', 'x.deb', 'a_1.deb', 'libc6_1_amd64.deb.sig'])('takes %s for no package', (file) =>
    expect(parsePackageFile(file)).toBeNull(),
  );
});

describe('DifferenceSum', () => {
  test('counts files by what became of them, each once', () => {
    const sum = new DifferenceSum();
    sum.add('added', 'b', 3);
    sum.add('added', 'a', 2);
    sum.add('added', 'b', 3);
    sum.add('removed', 'c', 0);
    const { counts, files } = sum.result();
    expect(counts).toEqual({
      ...{ added: { files: 2, bytes: 5 }, changed: { files: 0, bytes: 0 }, removed: { files: 1, bytes: 0 } },
    });
    expect(files.added.map(({ path }) => path)).toEqual(['a', 'b']);
  });

  test('puts versions of packages together, and leaves out what only moved', () => {
    const sum = new DifferenceSum();
    sum.add('removed', 'pool/m/mad_1.0-1_amd64.deb', 0);
    sum.add('added', 'pool/m/mad_1.0-2_amd64.deb', 1);
    sum.add('added', 'pool/n/new_3_all.deb', 1);
    sum.add('removed', 'old/x_1_all.deb', 0);
    sum.add('added', 'pool/x_1_all.deb', 1);
    expect(sum.result().packages).toEqual([
      { name: 'mad', arch: 'amd64', before: ['1.0-1'], after: ['1.0-2'] },
      { name: 'new', arch: 'all', before: [], after: ['3'] },
    ]);
  });

  test('lists so many files, and counts all', () => {
    const sum = new DifferenceSum();
    for (let i = 0; i < 6000; i++) sum.add('changed', `f${i}`, 1);
    expect(sum.result().counts.changed.files).toBe(6000);
    expect(sum.result().files.changed).toHaveLength(5000);
  });
});
