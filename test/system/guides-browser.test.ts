import axe from 'axe-core';
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { makeMirror, NOW, openScene, publish } from '../server/scene.js';

let browser: Browser;

beforeAll(async () => {
  const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync) ?? 'chromium';
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] });
});
afterAll(() => browser.close());

interface AxeResult {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
}

async function site(): Promise<string> {
  const scene = await openScene({
    mirrors: [
      makeMirror('debian', { title: 'Debian', description: 'The universal operating system', preset: 'debian' }),
      makeMirror('images', { title: 'Debian images', preset: 'debian-cd' }),
      makeMirror('ubuntu', { title: 'Ubuntu', preset: 'ubuntu' }),
    ],
  });
  onTestFinished(() => scene.close());
  await publish(scene, 'debian', { 'dists/trixie/main/x': '', 'dists/trixie/non-free-firmware/x': '' });
  const paths = ['13.1.0', '12.9.0'].flatMap((version) =>
    ['amd64', 'arm64'].flatMap((arch) =>
      ['netinst', 'DVD-1'].map((kind) => `${version}/${arch}/iso-cd/debian-${version}-${arch}-${kind}.iso`),
    ),
  );
  await publish(scene, 'images', Object.fromEntries(paths.map((path) => [path, path])));
  await scene.downloads.idle();
  for (const [form, result] of [
    ['deb822', 'worked'],
    ['one-line', 'failed'],
  ] as const)
    scene.store.helpChecks.set({
      ...{ mirror: 'debian', form, result },
      sentence: 'So it was.',
      choices: 'x',
      checkedAt: NOW,
    });
  return scene.url;
}

const PAGES = ['/help', '/help?system=ubuntu', '/help/debian', '/help/ubuntu', '/get', '/get/debian', '/get/nothing'];
const LOOKS = [
  { viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
  { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' },
  { viewport: { width: 390, height: 844 }, colorScheme: 'light' },
  { viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
] as const;

test('pages that set up and that download fit the screen and have no fault that axe knows', async () => {
  const url = await site();
  for (const look of LOOKS)
    for (const path of PAGES) {
      const page = await browser.newPage(look);
      await page.goto(`${url}${path}`);
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate<AxeResult>('axe.run(document, { resultTypes: ["violations"] })');
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
      expect(found, `${path} in ${look.colorScheme}, ${look.viewport.width} wide`).toEqual([]);
      const wider = await page.evaluate('document.documentElement.scrollWidth > window.innerWidth');
      expect(wider, `${path} is wider than ${look.viewport.width}`).toBe(false);
      await page.close();
    }
}, 240_000);

test('without script, what is chosen is shown after the button was pressed', async () => {
  const url = await site();
  const page = await browser.newPage({ javaScriptEnabled: false });
  await page.goto(`${url}/help/debian`);
  await page.selectOption('#choice-types', 'on');
  await page.click('main form button');
  expect(await page.locator('#block pre').innerText()).toContain('Types: deb deb-src');
  await page.goto(`${url}/get/debian`);
  await page.selectOption('#arch', 'ARM, 64 bits');
  await page.click('main form button');
  expect(await page.locator('#best .button').getAttribute('href')).toContain('debian-13.1.0-arm64-netinst.iso');
  await page.close();
}, 120_000);
