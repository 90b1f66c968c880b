import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifierSuite } from './suite.js';

verifierSuite('checksums', (folder) => {
  const root = join(folder, 'tree');
  mkdirSync(join(root, 'images'), { recursive: true });
  const add = (name: string): string => {
    const content = `the bytes of ${name}`;
    writeFileSync(join(root, 'images', name), content);
    const hex = createHash('sha256').update(content).digest('hex');
    appendFileSync(join(root, 'images/SHA256SUMS'), `${hex} *${name}\n`);
    return `images/${name}`;
  };
  const named = add('one.iso');
  add('two.iso');
  return Promise.resolve({
    ...{ root, keyrings: [], named, mayLack: true },
    grow() {
      const path = add('three.iso');
      return Promise.resolve({ named: path, changed: [path, 'images/SHA256SUMS'] });
    },
  });
});
