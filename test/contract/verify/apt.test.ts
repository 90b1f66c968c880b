import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createSigningKey, exportPublicKey } from '../../../cli/quickstart/signing-key.js';
import { indexForms, packagesText, writePackages, writeSuite, type FakePackage } from '../../fixtures/signed-suite.js';
import { verifierSuite } from './suite.js';

const INDEX = 'main/binary-amd64/Packages';

verifierSuite('apt', async (folder) => {
  const root = join(folder, 'archive');
  const key = { home: join(folder, 'gnupg'), userId: 'Contract <contract@localhost>' };
  const keyring = join(folder, 'keys.gpg');
  await mkdir(root);
  await createSigningKey(key);
  await exportPublicKey(key, keyring, `${keyring}.asc`);
  const packages: FakePackage[] = [];
  const publish = async (name: string): Promise<string> => {
    const path = `pool/main/${name}_1_amd64.deb`;
    packages.push({ name, path, content: `the bytes of ${name}` });
    writePackages(root, packages.slice(-1));
    await writeSuite(join(root, 'dists/stable'), key, { indexes: indexForms(INDEX, packagesText(packages)) });
    return path;
  };
  const named = await publish('one');
  await publish('two');
  return {
    ...{ root, keyrings: [keyring], named },
    async grow() {
      const path = await publish('three');
      const suite = ['InRelease', 'Release', 'Release.gpg', INDEX, `${INDEX}.gz`].map((name) => `dists/stable/${name}`);
      return { named: path, changed: [path, ...suite] };
    },
  };
});
