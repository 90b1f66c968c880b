import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { writeAptClient } from '../../cli/quickstart/apt-client.js';
import { createAptRepository, type AptRepository } from '../fixtures/apt-repository.js';
import { startProgram, type Program } from '../fixtures/program.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot } from '../fixtures/tree.js';

const run = promisify(execFile);
const PACKAGES = ['hello', 'sl'];
const CHANGES = 100;

interface Chain {
  readonly archive: AptRepository;
  readonly program: Program;
  /** Runs the real apt-get with folders of its own. */
  apt(...args: string[]): Promise<{ stdout: string; stderr: string }>;
  readonly lists: string;
  readonly downloads: string;
}

/** Real Debian packages -> a signed archive -> rsync daemon -> Millpond -> apt. */
async function chain(): Promise<Chain> {
  const folder = await tempFolder();
  const debs = join(folder, 'debs');
  const downloads = join(folder, 'downloads');
  for (const path of [debs, downloads, join(folder, 'repository')]) await mkdir(path);
  await fetchPackages(debs);
  const archive = await createAptRepository(join(folder, 'repository'));
  for (const deb of readdirSync(debs).filter((name) => name.endsWith('.deb')))
    await archive.addPackage(join(debs, deb));
  await archive.publish();
  const daemon = await startDaemon({ modules: { debian: archive.folder } });
  onTestFinished(() => daemon.stop());
  const verify = { kind: 'apt', keyrings: basename(archive.keyring), hashes: 'full' };
  const program = await startProgram(
    join(folder, 'millpond'),
    { debian: { upstream: daemon.url('debian'), schedule: 'manual', stages: 'apt', verify } },
    {},
    { keyrings: dirname(archive.keyring) },
  );
  const client = join(folder, 'client');
  const url = `${program.url}/debian/`;
  const config = await writeAptClient({ folder: client, repository: await keyFolder(folder, archive), url });
  const env = { ...process.env, APT_CONFIG: config };
  return {
    ...{ archive, program, downloads, lists: join(client, 'state', 'lists') },
    apt: (...args) => run('apt-get', args, { env, cwd: downloads }),
  };
}

/** `apt-get download` needs the lists of this machine, which a new machine does not have yet. */
async function fetchPackages(folder: string): Promise<void> {
  const download = () => run('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', ...PACKAGES], { cwd: folder });
  try {
    await download();
  } catch {
    const asRoot = process.getuid?.() === 0 ? ['apt-get'] : ['sudo', '-n', 'apt-get'];
    const [program = '', ...rest] = [...asRoot, 'update'];
    await run(program, rest);
    await download();
  }
}

async function keyFolder(folder: string, archive: AptRepository): Promise<string> {
  const keys = join(folder, 'keys');
  await mkdir(keys);
  await run('cp', [archive.keyring, join(keys, 'millpond-quickstart.gpg')]);
  return keys;
}

test('real packages go through, apt-get verifies and downloads them, and curl goes on where it stopped', async () => {
  const { archive, program, apt, downloads } = await chain();
  expect(await program.sync('debian')).toMatchObject({ outcome: 'updated' });
  expect((await apt('update')).stdout).not.toMatch(/^(?:Err|W:|E:)/m);
  await apt('download', 'hello');
  const deb = readdirSync(downloads).find((name) => name.startsWith('hello_')) ?? '';
  const served = Object.keys(snapshot(archive.folder)).find(
    (path) => path.endsWith('.deb') && path.includes('/hello/'),
  );
  const original = readFileSync(join(archive.folder, served ?? ''));
  expect(readFileSync(join(downloads, deb))).toEqual(original);
  const target = join(downloads, 'resumed.deb');
  const url = `${program.url}/debian/${served}`;
  await run('curl', ['-sSf', '-r', '0-9999', '-o', target, url]);
  expect(readFileSync(target).length).toBe(10_000);
  await run('curl', ['-sSf', '-C', '-', '-o', target, url]);
  expect(readFileSync(target)).toEqual(original);
});

test(`${CHANGES} changes of the upstream, each followed by a sync, and a loop of apt-get update sees no error`, async () => {
  const { archive, program, apt, lists } = await chain();
  expect(await program.sync('debian')).toMatchObject({ outcome: 'updated' });
  let done = false;
  const faults: string[] = [];
  const dates = new Set<string>();
  let updates = 0;
  const client = async (): Promise<void> => {
    while (!done) {
      rmSync(lists, { recursive: true, force: true }); // everything is fetched anew
      await mkdir(join(lists, 'partial'), { recursive: true });
      const { stdout, stderr } = await apt('update').catch((error: { stdout: string; stderr: string }) => error);
      if (/^(?:Err|W:|E:)/m.test(stdout + stderr) || !/^Get:/m.test(stdout)) faults.push(stdout + stderr);
      updates++;
      const release = readdirSync(lists).find((name) => name.endsWith('InRelease'));
      if (release) dates.add(/^Date: .*$/m.exec(readFileSync(join(lists, release), 'utf8'))?.[0] ?? '');
    }
  };
  const looping = client();
  let before: string | undefined;
  for (let version = 1; version <= CHANGES; version++) {
    const path = await archive.addPackage({
      name: 'changing',
      version: `1.${version}`,
      description: 'changes all the time',
      files: { '/usr/share/changing/version': `${version}\n` },
    });
    if (before) archive.withdraw(before);
    before = path;
    await archive.publish();
    expect(await program.sync('debian')).toMatchObject({ outcome: 'updated' });
  }
  done = true;
  await looping;
  expect(faults).toEqual([]);
  expect(updates).toBeGreaterThan(10);
  expect(dates.size).toBeGreaterThan(5);
  expect(snapshot(join(program.data, 'mirrors/debian/live'))).toEqual(snapshot(archive.folder));
}, 300_000);
