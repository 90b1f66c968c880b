import { execFile, execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { writeAptClient } from '../../cli/quickstart/apt-client.js';
import { createSigningKey, exportPublicKey } from '../../cli/quickstart/signing-key.js';
import { startProgram } from '../fixtures/program.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { hexOf, packagesText, writePackages } from '../fixtures/signed-suite.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot } from '../fixtures/tree.js';

const run = promisify(execFile);
const PUBLICATIONS = 200;
/** As many versions of the package, and of the indexes by their hash, stay in the archive: clients need them a while. */
const KEPT = 120;
const ARCHITECTURE = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
const INDEX = `main/binary-${ARCHITECTURE}/Packages`;

/** An archive that publishes in the wrong order: signature, indexes, packages, with pauses in which it is broken. */
class CarelessArchive {
  readonly #byHash: string[] = [];

  constructor(
    readonly root: string,
    private readonly gnupg: string,
  ) {}

  async publish(number: number): Promise<void> {
    const package_ = {
      name: 'changing',
      path: `pool/main/changing_1.${number}_all.deb`,
      content: `the bytes of version ${number}\n`,
    };
    const text = packagesText([package_]).replace('Version: 1\n', `Version: 1.${number}\n`).replace('amd64', 'all');
    const suite = join(this.root, 'dists/stable');
    const forms: Record<string, Buffer> = { [INDEX]: Buffer.from(text), [`${INDEX}.gz`]: gzipSync(text) };
    await this.#sign(suite, number, forms);
    await delay(80);
    for (const [path, content] of Object.entries(forms)) {
      const copy = join(dirname(path), 'by-hash/SHA256', hexOf('sha256', content));
      for (const at of [copy, path]) replace(join(suite, at), content);
      this.#byHash.push(join(suite, copy));
      await delay(20);
    }
    writePackages(this.root, [package_]);
    for (const old of this.#byHash.splice(0, this.#byHash.length - 2 * KEPT)) rmSync(old, { force: true });
    rmSync(join(this.root, `pool/main/changing_1.${number - KEPT}_all.deb`), { force: true });
    replace(join(this.root, 'project/trace/master'), `serial ${number}\n`);
  }

  async #sign(suite: string, number: number, forms: Record<string, Buffer>): Promise<void> {
    const fields = [
      ...['Origin: Test', 'Suite: stable', 'Codename: stable', `Version: ${number}`, 'Acquire-By-Hash: yes'],
      ...[`Architectures: ${ARCHITECTURE} all`, 'Components: main', `Date: ${new Date().toUTCString()}`, 'SHA256:'],
      ...Object.entries(forms).map(([path, content]) => ` ${hexOf('sha256', content)} ${content.length} ${path}`),
    ];
    const release = join(dirname(this.root), 'Release');
    writeFileSync(release, `${fields.join('\n')}\n`);
    const batch = ['--batch', '--quiet', '--yes', '--pinentry-mode', 'loopback', '--passphrase', ''];
    await run('gpg', [...batch, '--clearsign', '--output', `${release}.signed`, release], {
      env: { ...process.env, GNUPGHOME: this.gnupg },
    });
    replace(join(suite, 'InRelease'), readFileSync(`${release}.signed`));
  }
}

function replace(path: string, content: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}

interface Client {
  readonly faults: string[];
  readonly versions: Set<string>;
  rounds: number;
}

/** Real apt-get: updates from nothing and downloads the package, until `isOver`. */
async function loop(config: string, folder: string, isOver: () => boolean): Promise<Client> {
  const client: Client = { faults: [], versions: new Set(), rounds: 0 };
  const lists = join(folder, 'state/lists');
  const env = { ...process.env, APT_CONFIG: config };
  const apt = async (...args: string[]): Promise<void> => {
    const { stdout, stderr } = await run('apt-get', args, { env }).catch(
      (error: { stdout: string; stderr: string }) => error,
    );
    if (/^(?:Err|W:|E:)/m.test(stdout + stderr)) client.faults.push(stdout + stderr);
  };
  while (!isOver()) {
    rmSync(lists, { recursive: true, force: true });
    rmSync(join(folder, 'cache'), { recursive: true, force: true });
    for (const path of [join(lists, 'partial'), join(folder, 'cache/archives/partial')])
      mkdirSync(path, { recursive: true });
    await apt('update');
    const release = readdirSync(lists).find((name) => name.endsWith('InRelease'));
    if (release) client.versions.add(/^Version: .*$/m.exec(readFileSync(join(lists, release), 'utf8'))?.[0] ?? '');
    await apt('install', '--yes', '--download-only', '--no-install-recommends', 'changing');
    client.rounds++;
  }
  return client;
}

test(`${PUBLICATIONS} publications in the wrong order while it is pulled: apt sees no error, and one by plain rsync does`, async () => {
  const folder = await tempFolder();
  const key = { home: join(folder, 'gnupg'), userId: 'Careless <careless@localhost>' };
  const keys = join(folder, 'keys');
  const up = join(folder, 'up/archive');
  for (const path of [up, keys]) mkdirSync(path, { recursive: true });
  await createSigningKey(key);
  onTestFinished(
    () => void execFileSync('gpgconf', ['--kill', 'all'], { env: { ...process.env, GNUPGHOME: key.home } }),
  );
  await exportPublicKey(key, join(keys, 'careless.gpg'), join(keys, 'careless.asc'));
  copyFileSync(join(keys, 'careless.gpg'), join(keys, 'millpond-quickstart.gpg')); // the name that the client expects
  const archive = new CarelessArchive(up, key.home);
  await archive.publish(0);
  const daemon = await startDaemon({ modules: { archive: up } });
  onTestFinished(() => daemon.stop());

  const verify = { kind: 'apt', keyrings: 'careless.gpg' };
  const marker = { path: 'project/trace/master' };
  const guard = { max_delete: '100%' };
  const program = await startProgram(
    join(folder, 'millpond'),
    { debian: { upstream: daemon.url('archive'), schedule: 'manual', stages: 'apt', verify, marker, guard } },
    {},
    { keyrings: keys },
  );
  const plain = join(folder, 'plain');
  const pullPlainly = () =>
    run('rsync', ['-a', '--delete-after', '--delay-updates', daemon.url('archive'), `${plain}/`]).catch(
      () => undefined,
    );
  await Promise.all([program.sync('debian'), pullPlainly()]);

  let published = false;
  const ends = { verified: join(folder, 'client-verified'), plain: join(folder, 'client-plain') };
  const config = (name: keyof typeof ends, url: string): Promise<string> =>
    writeAptClient({ folder: ends[name], repository: keys, url });
  const loops = [
    loop(await config('verified', `${program.url}/debian/`), ends.verified, () => published),
    loop(await config('plain', `copy:${plain}/`), ends.plain, () => published),
  ];
  const outcomes = new Set<string | null>();
  const syncing = (async () => {
    while (!published) outcomes.add((await program.sync('debian')).outcome);
  })();
  const pulling = (async () => {
    // as rarely as a mirror does: what it has then stays for a while
    for (; !published; await delay(700)) await pullPlainly();
  })();
  for (let number = 1; number <= PUBLICATIONS; number++) {
    await archive.publish(number);
    if (number % 40 === 0) await delay(2_000); // even a careless archive rests
  }
  published = true;
  const [verified, plainly] = await Promise.all(loops);
  await Promise.all([syncing, pulling]);

  expect(verified?.faults).toEqual([]);
  expect(verified?.versions.size).toBeGreaterThan(1);
  expect(outcomes).toContain('updated');
  expect(plainly?.faults.join('')).toMatch(/Hash Sum mismatch|File has unexpected size|Failed to (?:fetch|stat)/);
  expect((await program.sync('debian')).outcome).toMatch(/^(?:updated|unchanged)$/);
  expect(existsSync(join(program.data, 'mirrors/debian/suspects'))).toBe(false);
  expect(snapshot(join(program.data, 'mirrors/debian/live'))).toEqual(snapshot(up));
}, 300_000);
