import { join } from 'node:path';
import { buildApk, createApkKey, indexText, writeApkIndex, type ApkPackage } from '../../fixtures/apk-repository.js';
import { verifierSuite } from './suite.js';

const FOLDER = 'v3.20/main/x86_64';

verifierSuite('apk', async (folder) => {
  const root = join(folder, 'tree');
  const key = createApkKey(folder, 'test@localhost-1.rsa');
  const packages: ApkPackage[] = [];
  const add = async (name: string): Promise<string> => {
    packages.push(await buildApk(join(root, FOLDER), name, '1.0-r0', `the bytes of ${name}`));
    await writeApkIndex(join(root, FOLDER), indexText(packages), key);
    return `${FOLDER}/${name}-1.0-r0.apk`;
  };
  const named = await add('one');
  await add('two');
  return {
    ...{ root, keyrings: [key.public], named },
    async grow() {
      const path = await add('three');
      return { named: path, changed: [path, `${FOLDER}/APKINDEX.tar.gz`] };
    },
  };
});
