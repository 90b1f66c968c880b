import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { PACKAGE_ROOT } from '../../platform/package-root.js';
import { leftOf, startProcess, writeQuickstartConfig, type Started } from '../fixtures/quickstart.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const run = promisify(execFile);
const NOT_COPIED = new Set(['.git', 'node_modules', 'data', 'test']);
const SERVES = /^Millpond serves (http:\/\/127\.0\.0\.1:\d+)$/m;

/** A checkout of its own with all packages installed, whose quick start takes free ports. */
async function checkout(): Promise<string> {
  const folder = join(await tempFolder(), 'millpond');
  await mkdir(folder);
  const names = (await readdir(PACKAGE_ROOT)).filter((name) => !NOT_COPIED.has(name));
  // the times as they are to the nanosecond: they tell whether what was built is still right
  await run('cp', ['-a', ...names.map((name) => join(PACKAGE_ROOT, name)), folder]);
  await linkPackages(join(folder, 'node_modules'), folder);
  await writeQuickstartConfig(join(folder, 'config', 'quickstart.yaml'), '../data');
  return folder;
}

/** The installed packages one by one, so that nothing that the checkout does can harm them. */
async function linkPackages(target: string, folder: string): Promise<void> {
  const installed = join(PACKAGE_ROOT, 'node_modules');
  await mkdir(target);
  for (const name of await readdir(installed)) await symlink(join(installed, name), join(target, name));
  const setup = (await import(new URL('../../scripts/setup.mjs', import.meta.url).href)) as {
    packagesStamp(root: string): string;
  };
  await rm(join(target, '.millpond-installed'), { force: true });
  await writeFile(join(target, '.millpond-installed'), setup.packagesStamp(folder));
}

function npmStart(folder: string): Started {
  return startProcess('npm', ['start'], folder);
}

test('npm start without a configuration runs the quick start, and the second time sets nothing up', async () => {
  const folder = await checkout();
  const first = npmStart(folder);
  const [, address] = await first.untilStdout(SERVES);
  expect(await (await fetch(`${address}/`)).text()).toContain('Quick start repository');
  expect(first.stdout()).toContain(`APT_CONFIG=${join(folder, 'data/quickstart/apt/apt.conf')} apt-get update`);
  expect(first.stderr()).not.toContain('installing');
  await first.end('SIGTERM');
  await expect.poll(() => leftOf(folder), { timeout: 20_000 }).toEqual([]);
  expect(existsSync(join(folder, 'data/state.db'))).toBe(true);

  const second = npmStart(folder);
  await second.untilStdout(SERVES);
  expect(second.stderr()).not.toMatch(/installing|building/);
  await second.end('SIGTERM');
  await expect.poll(() => leftOf(folder), { timeout: 20_000 }).toEqual([]);
});

test('npm start runs the configuration of the operator where there is one', async () => {
  const folder = await checkout();
  const settings = { data: './own-data', listen: { http: '127.0.0.1:0' }, mirrors: {} };
  await writeFile(join(folder, 'millpond.yaml'), JSON.stringify(settings));
  const program = npmStart(folder);
  const [, address] = await program.untilStdout(/(http:\/\/127\.0\.0\.1:\d+)/);
  expect((await fetch(`${address}/readyz`)).status).toBe(200);
  expect([existsSync(join(folder, 'own-data')), existsSync(join(folder, 'data'))]).toEqual([true, false]);
  await program.end('SIGTERM');
  await expect.poll(() => leftOf(folder), { timeout: 20_000 }).toEqual([]);
});
