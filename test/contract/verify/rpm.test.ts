import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { buildRpm, writeRepodata } from '../../fixtures/rpm-repository.js';
import { verifierSuite } from './suite.js';

let built: string;

beforeAll(() => {
  built = mkdtempSync(join(tmpdir(), 'mp-rpms-'));
  for (const name of ['one', 'two', 'three']) buildRpm(built, name);
});

afterAll(() => rmSync(built, { recursive: true, force: true }));

verifierSuite('rpm', (folder) => {
  const root = join(folder, 'tree');
  const base = join(root, 'el9/x86_64');
  mkdirSync(join(base, 'Packages'), { recursive: true });
  const add = (name: string): string => {
    const file = `${name}-1-1.noarch.rpm`;
    copyFileSync(join(built, file), join(base, 'Packages', file));
    return `el9/x86_64/Packages/${file}`;
  };
  const named = add('one');
  add('two');
  writeRepodata(base);
  return Promise.resolve({
    ...{ root, keyrings: [], named },
    grow() {
      const before = readdirSync(join(base, 'repodata'));
      const path = add('three');
      const names = new Set([...before, ...writeRepodata(base)]);
      return Promise.resolve({
        named: path,
        changed: [path, ...[...names].map((name) => `el9/x86_64/repodata/${name}`)],
      });
    },
  });
});
