import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { createSigningKey, exportPublicKey, type SigningKey } from '../../cli/quickstart/signing-key.js';
import { signFile } from '../fixtures/openpgp-signature.js';
import { addToDatabase, buildPacmanPackage } from '../fixtures/pacman-repository.js';
import { startProgram, type Program } from '../fixtures/program.js';
import { buildRpm, writeRepodata } from '../fixtures/rpm-repository.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const run = promisify(execFile);

interface Chain {
  readonly folder: string;
  /** What the daemon exports. */
  readonly upstream: string;
  readonly key: SigningKey;
  /** Armoured. */
  readonly publicKey: string;
  start(): Promise<Program>;
}

/** A signed repository -> rsync daemon -> Millpond, which verifies it. */
async function chain(kind: 'rpm' | 'pacman'): Promise<Chain> {
  const folder = await tempFolder();
  const upstream = join(folder, 'upstream');
  const keyrings = join(folder, 'keyrings');
  for (const path of [upstream, keyrings]) mkdirSync(path);
  const key = { home: join(folder, 'gnupg'), userId: 'Millpond tests <millpond@localhost>' };
  const publicKey = join(folder, 'key.asc');
  await createSigningKey(key);
  await exportPublicKey(key, join(keyrings, 'test.gpg'), publicKey);
  const daemon = await startDaemon({ modules: { repository: upstream } });
  onTestFinished(() => daemon.stop());
  const verify = { kind, keyrings: ['test.gpg'], hashes: 'full' };
  const mirror = { upstream: daemon.url('repository'), schedule: 'manual', verify };
  return {
    ...{ folder, upstream, key, publicKey },
    start: () => startProgram(join(folder, 'millpond'), { repository: mirror }, {}, { keyrings }),
  };
}

test('dnf verifies and downloads RPM packages, and goes on when upstream breaks', async () => {
  const { folder, upstream, key, publicKey, start } = await chain('rpm');
  const publish = (name: string): void => {
    buildRpm(upstream, name);
    writeRepodata(upstream);
    signFile(key, join(upstream, 'repodata/repomd.xml'), join(upstream, 'repodata/repomd.xml.asc'));
  };
  publish('one');
  const program = await start();
  expect(await program.sync('repository')).toMatchObject({ outcome: 'updated' });
  const dnf = dnfClient(join(folder, 'client'), { url: `${program.url}/repository/`, publicKey });
  await dnf.run('makecache', '--refresh');
  await dnf.run('download', 'one');
  expect(dnf.downloaded('one-1-1.noarch.rpm')).toEqual(readFileSync(join(upstream, 'one-1-1.noarch.rpm')));

  publish('two');
  rmSync(join(upstream, 'one-1-1.noarch.rpm'));
  expect(await program.sync('repository')).toMatchObject({
    outcome: 'quarantined',
    message:
      'The new tree failed verification: "one-1-1.noarch.rpm" is gone, and "repodata/primary.xml.gz" still names it.',
  });
  await dnf.run('makecache', '--refresh');
  await dnf.run('download', 'one');
  expect(dnf.downloaded('one-1-1.noarch.rpm').length).toBeGreaterThan(1000);
  publish('one');
  expect(await program.sync('repository')).toMatchObject({ outcome: 'updated' });
  await dnf.run('makecache', '--refresh');
  await dnf.run('download', 'two');
  expect(dnf.downloaded('two-1-1.noarch.rpm')).toEqual(readFileSync(join(upstream, 'two-1-1.noarch.rpm')));
}, 180_000);

test('pacman verifies and downloads packages, and goes on when upstream breaks', async () => {
  const { folder, upstream, key, publicKey, start } = await chain('pacman');
  const publish = (name: string): string => {
    const file = buildPacmanPackage(upstream, name);
    signFile(key, file, `${file}.sig`);
    addToDatabase(upstream, 'repository', [file]);
    signFile(key, join(upstream, 'repository.db'), join(upstream, 'repository.db.sig'));
    return file.slice(upstream.length + 1);
  };
  const one = publish('one');
  const program = await start();
  expect(await program.sync('repository')).toMatchObject({ outcome: 'updated' });
  const pacman = await pacmanClient(join(folder, 'client'), { url: `${program.url}/repository`, publicKey });
  await pacman.run('-Syy');
  await pacman.run('-Sw', 'one');
  expect(pacman.downloaded(one)).toEqual(readFileSync(join(upstream, one)));

  const two = publish('two');
  copyFileSync(join(upstream, two), join(folder, two));
  writeFileSync(join(upstream, two), 'x');
  expect(await program.sync('repository')).toMatchObject({
    outcome: 'quarantined',
    message: expect.stringMatching(
      `^The new tree failed verification: "${two}" has 1 bytes instead of the \\d+ that "repository\\.db" tells\\.$`,
    ) as string,
  });
  await pacman.run('-Syy');
  await pacman.run('-Sw', 'one');
  copyFileSync(join(folder, two), join(upstream, two));
  expect(await program.sync('repository')).toMatchObject({ outcome: 'updated' });
  await pacman.run('-Syy');
  await pacman.run('-Sw', 'two');
  expect(pacman.downloaded(two)).toEqual(readFileSync(join(upstream, two)));
}, 180_000);

interface Client {
  run(...args: string[]): Promise<unknown>;
  /** What it has downloaded, and forgets then. */
  downloaded(name: string): Buffer;
}

/** The real dnf with a root of its own, which demands that the repository is signed. */
function dnfClient(folder: string, { url, publicKey }: { url: string; publicKey: string }): Client {
  const downloads = join(folder, 'downloads');
  for (const path of [downloads, join(folder, 'root'), join(folder, 'none')]) mkdirSync(path, { recursive: true });
  const config = [
    ...['[main]', `cachedir=${join(folder, 'cache')}`, `logdir=${join(folder, 'log')}`],
    ...[`persistdir=${join(folder, 'state')}`, `reposdir=${join(folder, 'none')}`, `varsdir=${join(folder, 'none')}`],
    ...['[repository]', 'name=test', `baseurl=${url}`, `gpgkey=file://${publicKey}`, 'repo_gpgcheck=1', 'retries=1'],
  ];
  writeFileSync(join(folder, 'dnf.conf'), `${config.join('\n')}\n`);
  const fixed = ['-y', '-c', join(folder, 'dnf.conf'), '--installroot', join(folder, 'root'), '--releasever', '1'];
  return {
    run: (command = '', ...args) =>
      run('dnf', [...fixed, command, ...(command === 'download' ? ['--destdir', downloads] : []), ...args]),
    downloaded: (name) => taken(downloads, name),
  };
}

/** The real pacman with a root of its own, which demands that database and packages are signed. */
async function pacmanClient(folder: string, { url, publicKey }: { url: string; publicKey: string }): Promise<Client> {
  const [root, cache, home] = [join(folder, 'root'), join(folder, 'cache'), join(folder, 'gnupg')];
  for (const path of [join(root, 'var/lib/pacman'), cache]) mkdirSync(path, { recursive: true });
  mkdirSync(home, { mode: 0o700 });
  const gpg = (...args: string[]) => run('gpg', ['--homedir', home, '--batch', '--quiet', ...args]);
  await gpg('--import', publicKey);
  const { stdout } = await gpg('--with-colons', '--list-keys');
  writeFileSync(join(folder, 'trust'), `${/^fpr:+([0-9A-F]{40}):/m.exec(stdout)?.[1]}:6:\n`);
  await gpg('--import-ownertrust', join(folder, 'trust'));
  await run('gpgconf', ['--homedir', home, '--kill', 'all']);
  const config = [
    ...['[options]', `RootDir = ${root}`, `DBPath = ${join(root, 'var/lib/pacman')}`, `CacheDir = ${cache}`],
    ...[`GPGDir = ${home}`, `LogFile = ${join(folder, 'log')}`, 'Architecture = auto', 'SigLevel = Required'],
    ...['[repository]', `Server = ${url}`],
  ];
  writeFileSync(join(folder, 'pacman.conf'), `${config.join('\n')}\n`);
  return {
    run: (...args) => run('pacman', ['--config', join(folder, 'pacman.conf'), '--noconfirm', ...args]),
    downloaded: (name) => taken(cache, name),
  };
}

function taken(folder: string, name: string): Buffer {
  expect(readdirSync(folder)).toContain(name);
  const bytes = readFileSync(join(folder, name));
  rmSync(join(folder, name));
  return bytes;
}
