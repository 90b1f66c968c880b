import axe from 'axe-core';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startCuttingProxy, type CuttingProxy } from '../fixtures/cutting-proxy.js';
import { startProgram, type Program } from '../fixtures/program.js';
import { allPages } from '../fixtures/pages.js';
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

interface AxeResult {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
}

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
  const mirrors = {
    pond: { title: 'The Pond', upstream: proxy.url('pond'), schedule: 'manual' },
    rest: { title: 'A pond at rest', upstream: proxy.url('pond'), schedule: 'manual' },
  };
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
  const pages = allPages({ mirror: 'pond', runId: run.id });
  const looks = [
    { viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
    { viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
    { viewport: { width: 390, height: 844 }, javaScriptEnabled: false },
  ] as const;
  for (const look of looks)
    for (const path of pages) {
      const { page, faults } = await open(`${program.url}${path}`, look);
      expect(faults, path).toEqual([]);
      expect(await page.locator('body').innerText(), path).toMatch(/pond|your connection/i);
      const wider = await page.evaluate('document.documentElement.scrollWidth > window.innerWidth').catch(() => false);
      expect(wider, `${path} is wider than the screen`).toBe(false);
      await page.close();
    }
}, 240_000);

test('home, status, mirror, run, listing and 404 have no fault that axe knows, in light and in dark', async () => {
  const { program, proxy, up } = await scene();
  writeTree(up, { 'pool/sub/c.bin': randomBytes(500) });
  const run = await program.sync('pond');
  await program.control('POST', '/mirrors/rest/pause', { reason: 'the array is being rebuilt' });
  writeTree(up, { 'big/a': randomBytes(8_000_000) });
  const from = proxy.bytesDown();
  await program.trigger('pond'); // so that progress is on the pages
  await proxy.untilDown(from + 2_000_000);
  proxy.stall();
  await fetch(`${program.url}/pond/README`);
  const counted = async () => await (await fetch(`${program.url}/stats.json`)).text();
  await expect.poll(counted, { timeout: 60_000, interval: 500 }).toContain('/pond/README');
  const pages = [
    ...allPages({ mirror: 'pond', runId: run.id }),
    ...['/?q=nothing', '/status?sort=-size', '/status/rest', `/status/pond/runs/${run.id + 1}`, '/rest/'],
  ];
  for (const colorScheme of ['light', 'dark'] as const)
    for (const width of [1280, 390])
      for (const path of pages) {
        const { page } = await open(`${program.url}${path}`, { colorScheme, viewport: { width, height: 900 } });
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate<AxeResult>('axe.run(document, { resultTypes: ["violations"] })');
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
        expect(found, `${path} in ${colorScheme}, ${width} wide`).toEqual([]);
        await page.close();
      }
  proxy.resume();
}, 240_000);

test('pages read in order as text, without script and without style', async () => {
  const { program, up } = await scene();
  await program.sync('pond');
  writeTree(up, { more: 'more' });
  const run = await program.sync('pond');
  await program.control('POST', '/mirrors/rest/pause', { reason: 'the array is being rebuilt' });
  for (const [path, order] of [
    ['/', ['Test', '1 of 2 current · 1 paused', 'The Pond', 'current', 'in step', 'Browse', 'Times are in UTC']],
    [
      '/status',
      [
        ...['Status', '1 of 2 current · 1 paused', 'Last refreshed', 'Needs attention, worst first', 'rest', 'paused'],
        ...['the array is being rebuilt', 'State', 'Behind by', 'The Pond', 'no marker to compare', 'JSON'],
      ],
    ],
    [
      '/status/pond',
      [
        ...['The Pond', 'current', 'In step with upstream', 'What is served', 'Where it comes from', 'Runs'],
        ...['The last 2 runs: 2 updated', 'What changed last time', `run ${run.id}`, 'Added', '1', 'Size'],
        ...['over 2 published trees', 'Log of the newest run', 'JSON'],
      ],
    ],
    [
      `/status/pond/runs/${run.id}`,
      ['The Pond: run', 'updated', 'Brought the mirror up to date', 'Stages', 'Numbers', 'Log'],
    ],
    ['/pond/', ['pond', 'In step with upstream', 'Name', 'Size', 'pool/', 'README']],
    ['/pond/nothing', ['404', 'Not found', '/pond/nothing', '/pond/']],
  ] as const) {
    const answer = await fetch(`${program.url}${path}`, { headers: { accept: 'text/html' } });
    const text = plainText(await answer.text());
    let at = 0;
    for (const words of order) {
      const found = text.indexOf(words, at);
      expect(found, `"${words}" on ${path}, after "${text.slice(Math.max(0, at - 40), at)}" in:\n${text}`).not.toBe(-1);
      at = found + words.length;
    }
  }
});

/** The text of a page in the order of its source, as a reader hears it: no drawings, no markup. */
function plainText(html: string): string {
  const body = html.slice(html.indexOf('<main')).replace(/<svg[^]*?<\/svg>/g, '');
  const text = body
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&#34;', '"')
    .replaceAll('&amp;', '&');
  return text.replace(/\s+/g, ' ').replace(/ ([.,:;)])/g, '$1');
}

test('a listing is sorted and filtered by its links and its form', async () => {
  const { program } = await scene();
  await program.sync('pond');
  const { page } = await open(`${program.url}/pond/pool/?C=S&O=D`);
  const text = await page.locator('table').innerText();
  expect(text.indexOf('b.bin')).toBeLessThan(text.indexOf('a.bin'));
  await page.goto(`${program.url}/pond/pool/?q=a.b`);
  expect(await page.locator('table').innerText()).not.toContain('b.bin');
});

test('a file of a listing is saved as it is, text is shown, and a page of a tree runs no script', async () => {
  const { program, up } = await scene();
  writeTree(up, { 'pool/page.html': '<title>quiet</title><p>shown</p><script>document.title = "ran"</script>' });
  await program.sync('pond');
  const { page } = await open(`${program.url}/pond/pool/`);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'b.bin' }).click(),
  ]);
  expect(readFileSync(await download.path()).equals(readFileSync(join(up, 'pool/b.bin')))).toBe(true);

  await page.goto(`${program.url}/pond/README`);
  expect(await page.locator('body').innerText()).toBe('hello');
  await page.goto(`${program.url}/pond/pool/page.html`);
  expect([await page.locator('p').innerText(), await page.title()]).toEqual(['shown', 'quiet']);
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
