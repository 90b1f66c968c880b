import { renameSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runMillpond } from '../fixtures/command-line.js';
import { PATIENT } from '../fixtures/pond.js';
import { startProgram, writeConfig, type Program } from '../fixtures/program.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { writeTree } from '../fixtures/tree.js';

interface Shown {
  readonly total: { readonly requests: number; readonly bytes: number };
  readonly top: { readonly files: { readonly entries: readonly [string, number][] } };
}

async function startPond(more: object = {}): Promise<{ home: string; mirrors: object; start(): Promise<Program> }> {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  await mkdir(up);
  writeTree(up, { README: 'hello' });
  const daemon = await startDaemon({ modules: { pond: up } });
  onTestFinished(() => daemon.stop());
  const mirrors = { pond: { upstream: daemon.url('pond'), schedule: 'manual' } };
  const home = join(folder, 'millpond');
  return { home, mirrors, start: () => startProgram(home, mirrors, {}, more) };
}

async function shown({ url }: Program): Promise<Shown> {
  const answer = await fetch(`${url}/stats.json?mirror=pond`);
  return (await answer.json()) as Shown;
}

test('what was counted outlives kill -9, but for the last seconds, and a stop keeps all', async () => {
  const { start } = await startPond();
  let program = await start();
  await program.sync('pond');
  for (let n = 0; n < 3; n++) await fetch(`${program.url}/pond/README`);
  // pages are the same for 15 seconds, and it is written every 10
  await expect
    .poll(async () => (await shown(program)).total, { timeout: 60_000, interval: 500 })
    .toEqual({ requests: 3, bytes: 15 });
  await program.end('SIGKILL');

  program = await start();
  await fetch(`${program.url}/pond/README`);
  expect(await program.end('SIGTERM')).toBe(0);

  program = await start();
  const { total, top } = await shown(program);
  expect(total).toEqual({ requests: 4, bytes: 20 });
  expect(top.files.entries).toEqual([['/pond/README', 4]]);
}, 180_000);

test('the access log is opened again at SIGUSR1 and changed by a reload, and a file that cannot be written is refused', async () => {
  const { home, mirrors, start } = await startPond({ access_log: { file: 'access.log' } });
  const program = await start();
  await program.sync('pond');
  const file = join(home, 'access.log');
  const lines = (path: string): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1);
  const ask = (name: string) => fetch(`${program.url}/pond/${name}`, { headers: { 'User-Agent': 'a "test"' } });

  await ask('README');
  renameSync(file, `${file}.1`);
  process.kill(program.pid, 'SIGUSR1');
  await expect.poll(() => lines(`${file}.1`), PATIENT).toHaveLength(1);
  await ask('absent');
  await expect.poll(() => lines(file), PATIENT).toHaveLength(1);
  expect(lines(`${file}.1`)[0]).toMatch(
    /^127\.0\.0\.0 - - \[.* \+0000\] "GET \/pond\/README HTTP\/1\.1" 200 5 "-" "a \\x22test\\x22"$/,
  );
  expect(lines(file)[0]).toMatch(/"GET \/pond\/absent HTTP\/1\.1" 404 \d+ /);
  expect(program.said()).not.toContain('Debugger');

  await writeConfig(home, { mirrors, access_log: { file: 'access.json', format: 'json', addresses: 'none' } });
  expect(await runMillpond(program.config, 'reload')).toMatchObject({ stdout: 'Reloaded: changed access_log.\n' });
  await ask('README');
  await expect.poll(() => lines(join(home, 'access.json')), PATIENT).toHaveLength(1);
  expect(JSON.parse(lines(join(home, 'access.json'))[0] ?? '')).toMatchObject({
    target: '/pond/README',
    address: null,
  });
  expect(lines(file)).toHaveLength(1);

  await writeConfig(home, { mirrors, access_log: { file: 'gone/access.log' } });
  const refused = await runMillpond(program.config, 'reload');
  expect(refused.stderr).toContain(
    `the access log "${join(home, 'gone/access.log')}" cannot be written: its folder does not exist`,
  );
}, 120_000);
