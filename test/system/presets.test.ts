import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { createAptRepository } from '../fixtures/apt-repository.js';
import { runMillpond } from '../fixtures/command-line.js';
import { endOf, read } from '../fixtures/pond.js';
import { startProgram } from '../fixtures/program.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../fixtures/tree.js';

const WANTED = ['7.8/amd64/install78.iso', '7.8/packages/amd64/a-1.tgz', 'timestamp'];
const OTHERS = ['7.7/amd64/install77.iso', '7.8/i386/install78.iso', '7.8/packages/i386/a-1.tgz'];

test('a mirror is added by its preset to a running program, brings what was chosen, and is unchanged by its marker', async () => {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  writeTree(up, Object.fromEntries([...WANTED, ...OTHERS].map((path) => [path, path])));
  await writeFile(join(up, 'timestamp'), '1795492861\n');
  const daemon = await startDaemon({ modules: { OpenBSD: up } });
  onTestFinished(() => daemon.stop());
  const program = await startProgram(join(folder, 'millpond'), {});
  const millpond = (...args: string[]) => runMillpond(program.config, ...args);

  const chosen = ['--arch', 'amd64', '--suites', '7.8', '--upstream', daemon.url('OpenBSD'), '--name', 'bsd', '--yes'];
  expect(await millpond('add', 'openbsd', ...chosen)).toMatchObject({ code: 0 });
  expect(await millpond('reload')).toMatchObject({ code: 0 });
  // one that has never run begins at once
  expect(await endOf(program, 1)).toMatchObject({ outcome: 'updated', numbers: { totalFiles: 3 } });
  const live = join(program.data, 'mirrors', 'bsd', 'live');
  expect(Object.keys(snapshot(live)).sort()).toEqual(WANTED);
  expect(await read(`${program.url}/bsd/7.8/packages/amd64/a-1.tgz`)).toMatchObject({ status: 200 });
  expect((await millpond('sync', 'bsd', '--wait')).stdout).toMatch(/^Run 2 of bsd: unchanged\. /m);

  // another choice is another tree, though upstream has not changed
  await writeFile(program.config, (await readFile(program.config, 'utf8')).replace('[ amd64 ]', '[ i386 ]'));
  expect(await millpond('reload')).toMatchObject({ code: 0 });
  expect((await millpond('sync', 'bsd', '--wait')).stdout).toMatch(/^Run 3 of bsd: updated\. /m);
  const now = ['7.8/i386/install78.iso', '7.8/packages/i386/a-1.tgz', 'timestamp'];
  expect(Object.keys(snapshot(live)).sort()).toEqual(now);
});

test('an archive is verified as the preset of Debian says, whatever architectures are chosen of it', async () => {
  const folder = await tempFolder();
  const repository = await createAptRepository(folder);
  for (const architecture of ['amd64', 'arm64'] as const)
    await repository.addPackage({
      name: `hello-${architecture}`,
      version: '1',
      architecture,
      description: 'x',
      files: {},
    });
  await repository.publish();
  const daemon = await startDaemon({ modules: { debian: repository.folder } });
  onTestFinished(() => daemon.stop());
  const home = join(folder, 'millpond');
  await mkdir(join(home, 'keyrings'), { recursive: true });
  await copyFile(repository.keyring, join(home, 'keyrings', 'tests.gpg'));
  const mirror = (arch: string[]) => ({
    ...{ preset: 'debian', upstream: daemon.url('debian'), select: { arch, suites: ['stable'] }, schedule: 'manual' },
    ...{ verify: { kind: 'apt', keyrings: ['tests.gpg'] }, origin: { url: 'http://127.0.0.1:9/', every: '7d' } },
    ...{ guard: { max_delete: '100%' }, trace: { kind: 'debian', host: 'mirror.example.edu' }, retry: { attempts: 1 } },
  });
  const program = await startProgram(home, { debian: mirror(['amd64']) });
  const live = join(program.data, 'mirrors', 'debian', 'live');
  const debs = (): string[] => Object.keys(snapshot(live)).filter((path) => path.endsWith('.deb'));
  const choose = async (arch: string[]): Promise<void> => {
    const config = parse(await readFile(program.config, 'utf8')) as { mirrors: object };
    await writeFile(program.config, stringify({ ...config, mirrors: { debian: mirror(arch) } }));
    expect(await runMillpond(program.config, 'reload')).toMatchObject({ code: 0 });
  };

  expect(await program.sync('debian')).toMatchObject({ outcome: 'updated' });
  expect(debs()).toEqual([expect.stringContaining('hello-amd64_1_amd64.deb')]);
  expect(Object.keys(snapshot(live))).toContain('project/trace/mirror.example.edu');
  expect(await program.sync('debian')).toMatchObject({ outcome: 'unchanged' });
  await choose(['amd64', 'arm64']);
  expect(await program.sync('debian')).toMatchObject({ outcome: 'updated' });
  expect(debs()).toHaveLength(2);
  await choose(['arm64']);
  expect(await program.sync('debian')).toMatchObject({ outcome: 'updated' });
  expect(debs()).toEqual([expect.stringContaining('hello-arm64_1_arm64.deb')]);
  expect(Object.keys(snapshot(live)).filter((path) => path.includes('amd64'))).toEqual([]);
});
