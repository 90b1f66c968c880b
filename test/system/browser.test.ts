import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startCuttingProxy, type CuttingProxy } from '../fixtures/cutting-proxy.js';
import { startProgram, type Program } from '../fixtures/program.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { writeTree } from '../fixtures/tree.js';

let browser: Browser;

beforeAll(async () => {
  const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync) ?? 'chromium';
  const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', ...quiet],
  });
});
afterAll(() => browser.close());

interface Scene {
  readonly program: Program;
  readonly proxy: CuttingProxy;
  readonly up: string;
}

async function scene(): Promise<Scene> {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  mkdirSync(up);
  writeTree(up, { README: 'hello', 'pool/b.bin': randomBytes(2_000), 'pool/a.bin': randomBytes(1_000) });
  const daemon = await startDaemon({ modules: { pond: up } });
  onTestFinished(() => daemon.stop());
  const proxy = await startCuttingProxy(daemon.port);
  onTestFinished(() => proxy.stop());
  const mirrors = { pond: { title: 'The Pond', upstream: proxy.url('pond'), schedule: 'manual' } };
  const program = await startProgram(join(folder, 'millpond'), mirrors);
  return { program, proxy, up };
}

/** A page that notes every complaint of the browser and every request to somewhere else. */
async function open(
  url: string,
  options: Parameters<Browser['newPage']>[0] = {},
): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.newPage(options);
  onTestFinished(() => page.close().catch(() => undefined));
  const faults: string[] = [];
  page.on('console', (message) => {
    // the browser itself says so of a page that is answered with 404
    if (message.type() === 'error' && !/status of 404/.test(message.text())) faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) faults.push(`request to ${request.url()}`);
  });
  await page.goto(url);
  return { page, faults };
}

test('home, status, mirror, run, listing and 404 are shown without a complaint of the browser', async () => {
  const { program } = await scene();
  const run = await program.sync('pond');
  const pages = [
    '/',
    '/status',
    '/status/pond',
    `/status/pond/runs/${run.id}`,
    '/pond/',
    '/pond/pool/',
    '/pond/nothing',
  ];
  const looks = [
    { viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
    { viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
    { viewport: { width: 390, height: 844 }, javaScriptEnabled: false },
  ] as const;
  for (const look of looks)
    for (const path of pages) {
      const { page, faults } = await open(`${program.url}${path}`, look);
      expect(faults, path).toEqual([]);
      expect(await page.locator('body').innerText(), path).toMatch(/pond/i);
      const wider = await page.evaluate('document.documentElement.scrollWidth > window.innerWidth').catch(() => false);
      expect(wider, `${path} is wider than the screen`).toBe(false);
      await page.close();
    }
}, 240_000);

test('a listing is sorted and filtered by its links and its form', async () => {
  const { program } = await scene();
  await program.sync('pond');
  const { page } = await open(`${program.url}/pond/pool/?C=S&O=D`);
  const text = await page.locator('table').innerText();
  expect(text.indexOf('b.bin')).toBeLessThan(text.indexOf('a.bin'));
  await page.goto(`${program.url}/pond/pool/?q=a.b`);
  expect(await page.locator('table').innerText()).not.toContain('b.bin');
});

test('a running sync moves on the page, and the finished run is shown without a reload', async () => {
  const { program, proxy, up } = await scene();
  await program.sync('pond');
  for (let i = 0; i < 6; i++) writeTree(up, { [`big/${i}`]: randomBytes(2_000_000) });
  const from = proxy.bytesDown();
  await program.trigger('pond');
  await proxy.untilDown(from + 3_000_000);
  proxy.stall();
  const { page, faults } = await open(`${program.url}/status/pond`);
  const bar = page.locator('progress').first();
  await bar.waitFor();
  const before = await page.locator('body').innerText();
  proxy.resume();
  await expect.poll(async () => (await page.locator('body').innerText()) !== before, { timeout: 20_000 }).toBe(true);
  await expect.poll(() => page.locator('progress').count(), { timeout: 20_000 }).toBe(0);
  expect(faults).toEqual([]);
});
