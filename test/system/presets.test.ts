import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
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
