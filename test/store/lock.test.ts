import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { expect, onTestFinished, test } from 'vitest';
import { PACKAGE_ROOT } from '../../platform/package-root.js';
import { lockDataFolder } from '../../store/lock.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const PROGRAM = `
import { lockDataFolder } from './store/lock.js';
try {
  lockDataFolder(process.argv[2], process.argv[3]);
  console.log('taken');
  setInterval(() => {}, 1000);
} catch (error) {
  console.log(error.code);
}`;

/** A second Node process that takes the lock and holds it; `said` is "taken" or the code of the error. */
async function otherProgram(folder: string, lock: string): Promise<{ said: string; process: ChildProcess }> {
  const at = join(folder, 'program');
  for (const file of ['store/lock', 'core/errors']) {
    mkdirSync(dirname(join(at, file)), { recursive: true });
    const source = readFileSync(join(PACKAGE_ROOT, `${file}.ts`), 'utf8');
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    writeFileSync(join(at, `${file}.js`), ts.transpileModule(source, { compilerOptions }).outputText);
  }
  writeFileSync(join(at, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(at, 'main.js'), PROGRAM);
  symlinkSync(join(PACKAGE_ROOT, 'node_modules'), join(at, 'node_modules'));
  const child = spawn(process.execPath, [join(at, 'main.js'), lock, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { said: said.toString().trim(), process: child };
}

test('lockDataFolder refuses what another program holds, and has it as soon as that is killed', async () => {
  const folder = await tempFolder();
  const lock = join(folder, 'run/lock.db');
  const other = await otherProgram(folder, lock);
  expect(other.said).toBe('taken');
  expect(() => lockDataFolder(lock, folder)).toThrow(
    expect.objectContaining({
      code: 'locked',
      message: `another Millpond is using the data folder "${folder}"`,
      hint: expect.stringContaining('Stop it first') as string,
    }),
  );
  other.process.kill('SIGKILL');
  await once(other.process, 'exit');
  lockDataFolder(lock, folder).release();
});

test('lockDataFolder keeps a second program out until it is released', async () => {
  const folder = await tempFolder();
  const lock = join(folder, 'run/lock.db');
  const held = lockDataFolder(lock, folder);
  expect((await otherProgram(folder, lock)).said).toBe('locked');
  expect(() => lockDataFolder(lock, folder)).toThrow(expect.objectContaining({ code: 'locked' }));
  held.release();
  lockDataFolder(lock, folder).release();
});

test('lockDataFolder says that a folder cannot be written', async () => {
  const folder = await tempFolder();
  writeFileSync(join(folder, 'file'), '');
  expect(() => lockDataFolder(join(folder, 'file/run/lock.db'), join(folder, 'file'))).toThrow(
    expect.objectContaining({ code: 'unavailable', message: expect.stringContaining('cannot be used') as string }),
  );
});
