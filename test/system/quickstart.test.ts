import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { DAEMON_MARK } from '../../cli/quickstart/left-overs.js';
import { processesWithEnvironment } from '../../platform/processes.js';
import { MAIN } from '../fixtures/program.js';
import { leftOf, startProcess, writeQuickstartConfig, type Started } from '../fixtures/quickstart.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot } from '../fixtures/tree.js';

const run = promisify(execFile);
const PATIENCE = { timeout: 30_000 };

interface Quickstart extends Started {
  readonly address: string;
  /** Base URL of the mirror, with a slash at its end. */
  readonly mirror: string;
  readonly aptConfiguration: string;
}

/** A folder with a configuration of the quick start, in which nothing was started yet. */
async function scene(mirror: object = {}): Promise<string> {
  const folder = await tempFolder();
  await writeQuickstartConfig(join(folder, 'quick.yaml'), './data', mirror);
  return folder;
}

function launch(folder: string): Started {
  return startProcess(process.execPath, [MAIN, 'quickstart', '--config', 'quick.yaml', '--json'], folder);
}

async function start(folder: string): Promise<Quickstart> {
  const process = launch(folder);
  const [line] = await process.untilStdout(/^\{.*\}$/m);
  const said = JSON.parse(line) as { addresses: string[]; mirror: string; aptConfiguration: string };
  return { ...process, address: said.addresses[0] ?? '', mirror: said.mirror, aptConfiguration: said.aptConfiguration };
}

/** Resolves when the mirror says of itself that it is in step. */
async function untilCurrent(address: string): Promise<void> {
  const word = async (): Promise<unknown> => {
    const status = (await (await fetch(`${address}/api/v1/mirrors/pond`)).json()) as { verdict: { word: string } };
    return status.verdict.word;
  };
  await expect.poll(word, PATIENCE).toBe('current');
}

/** Runs a command of Millpond against the program that uses the same configuration. */
async function millpond(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [MAIN, ...args, '--config', 'quick.yaml'], { cwd: folder });
  return stdout;
}

/** What apt-get printed, also when it failed. */
async function aptGet(folder: string, config: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, APT_CONFIG: config, LC_ALL: 'C' };
  const { stdout, stderr } = await run('apt-get', args, { env, cwd: folder }).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return stdout + stderr;
}

test('its page shows the mirror come to life and every further run', async () => {
  const folder = await scene({ schedule: '0 0 29 2 *' }); // after the first run there is none but those that we ask for
  const quickstart = await start(folder);
  const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync) ?? 'chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  const text = (): Promise<string> => page.locator('body').innerText();
  // the first run ends after the page was made and before its events begin: nothing tells the page of it
  await page.route('**/api/v1/events*', async (route) => {
    await untilCurrent(quickstart.address);
    await route.continue();
  });
  await page.goto(quickstart.address);
  await expect.poll(text, PATIENCE).toMatch(/Quick start repository[^]*current/i);
  await page.unrouteAll();
  await page.goto(`${quickstart.address}/status/pond`);
  const runs = page.locator('#runs tbody tr');
  const before = await runs.count();
  await millpond(folder, 'sync', 'pond', '--force', '--wait');
  await expect.poll(() => runs.count(), PATIENCE).toBeGreaterThan(before);
  expect(await quickstart.end('SIGTERM')).toBe(0);
  expect(leftOf(folder)).toEqual([]);
});

test('apt-get takes packages from it, with the configuration that it tells and with the key that it serves', async () => {
  const folder = await scene();
  const quickstart = await start(folder);
  await untilCurrent(quickstart.address);
  expect(await aptGet(folder, quickstart.aptConfiguration, 'update')).not.toMatch(/^(?:Err|W:|E:)/m);
  await aptGet(folder, quickstart.aptConfiguration, 'download', 'millpond-hello');
  expect(readdirSync(folder)).toContainEqual(expect.stringMatching(/^millpond-hello_1\.0\.\d+_all\.deb$/));

  const client = join(folder, 'client');
  mkdirSync(client);
  const key = await fetch(`${quickstart.mirror}millpond-quickstart.gpg`);
  writeFileSync(join(client, 'key.gpg'), Buffer.from(await key.arrayBuffer()));
  const config = writeAptConfig(client);
  const source = (options: string): void =>
    writeFileSync(join(client, 'sources.list'), `deb [${options}] ${quickstart.mirror} stable main\n`);
  source(`signed-by=${join(client, 'key.gpg')}`);
  expect(await aptGet(folder, config, 'update')).not.toMatch(/^(?:Err|W:|E:)/m);
  expect(await aptGet(folder, config, '--print-uris', 'download', 'millpond-docs')).toContain(quickstart.mirror);
  source('arch=all');
  expect(await aptGet(folder, config, 'update')).toMatch(/NO_PUBKEY/);
  expect(await quickstart.end('SIGTERM')).toBe(0);
});

/** A configuration of apt in which everything is below `folder`. */
function writeAptConfig(folder: string): string {
  for (const name of ['lists/partial', 'cache/archives/partial', 'trusted'])
    mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'status'), '');
  const settings = {
    ...{ 'Dir::Etc::sourcelist': 'sources.list', 'Dir::Etc::trustedparts': 'trusted', 'Dir::State': '.' },
    ...{ 'Dir::State::status': 'status', 'Dir::Cache': 'cache', 'Dir::Log': '.' },
  };
  const lines = Object.entries(settings).map(([name, path]) => `${name} "${join(folder, path)}";`);
  const rest = ['Dir::Etc::sourceparts "/dev/null";', 'Dir::Etc::trusted "/dev/null";', 'APT::Sandbox::User "";'];
  writeFileSync(join(folder, 'apt.conf'), [...lines, ...rest, ''].join('\n'));
  return join(folder, 'apt.conf');
}

test('after kill -9 it goes on with the same repository and exactly one rsync daemon', async () => {
  const folder = await scene();
  const daemons = (): Promise<number[]> => processesWithEnvironment(DAEMON_MARK, join(folder, 'data/quickstart/run'));
  const killed = await start(folder);
  await untilCurrent(killed.address);
  const key = readFileSync(join(folder, 'data/quickstart/repository/millpond-quickstart.gpg'));
  await killed.end('SIGKILL');
  const [orphan] = await daemons();
  expect(orphan).toBeDefined();

  const quickstart = await start(folder);
  expect(readFileSync(join(folder, 'data/quickstart/repository/millpond-quickstart.gpg'))).toEqual(key);
  expect(await millpond(folder, 'sync', 'pond', '--force', '--wait')).toMatch(/unchanged|updated/);
  await expect.poll(async () => (await daemons()).length, PATIENCE).toBe(1);
  expect(await daemons()).not.toContain(orphan);
  expect(await aptGet(folder, quickstart.aptConfiguration, 'update')).not.toMatch(/^(?:Err|W:|E:)/m);
  expect(snapshot(join(folder, 'data/mirrors/pond/live'))).toEqual(
    snapshot(join(folder, 'data/quickstart/repository')),
  );
  expect(await quickstart.end('SIGTERM')).toBe(0);
  expect(leftOf(folder)).toEqual([]);
});

test('killed while it builds its repository for the first time, it builds it whole at the next start', async () => {
  const folder = await scene();
  const work = join(folder, 'data/quickstart/repository.private');
  const killed = launch(folder);
  await expect.poll(() => existsSync(join(work, 'gnupg/private-keys-v1.d')), { ...PATIENCE, interval: 5 }).toBe(true);
  await killed.end('SIGKILL');
  expect(existsSync(join(work, 'complete.json'))).toBe(false);
  const quickstart = await start(folder);
  await untilCurrent(quickstart.address);
  expect(await aptGet(folder, quickstart.aptConfiguration, 'update')).not.toMatch(/^(?:Err|W:|E:)/m);
  expect(await quickstart.end('SIGTERM')).toBe(0);
  expect(leftOf(folder)).toEqual([]);
});
