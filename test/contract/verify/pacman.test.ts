import { join } from 'node:path';
import { addToDatabase, buildPacmanPackage } from '../../fixtures/pacman-repository.js';
import { verifierSuite } from './suite.js';

verifierSuite('pacman', (folder) => {
  const root = join(folder, 'tree');
  const base = join(root, 'core/os/x86_64');
  const add = (name: string): string => {
    const file = buildPacmanPackage(base, name);
    addToDatabase(base, 'core', [file]);
    return file.slice(root.length + 1);
  };
  const named = add('one');
  add('two');
  return Promise.resolve({
    ...{ root, keyrings: [], named },
    grow() {
      const path = add('three');
      const archives = ['core.db.tar.gz', 'core.files.tar.gz'];
      return Promise.resolve({ named: path, changed: [path, ...archives.map((name) => `core/os/x86_64/${name}`)] });
    },
  });
});
