import axe from 'axe-core';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { chromium } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import type { HeldTree } from '../../core/held.js';
import { NO_NUMBERS } from '../../core/run.js';
import { addGeneration, addRun, HOUR, makeMirror, NOW, openScene, type Scene } from '../server/scene.js';

const STAMP = '2026-11-20T06:00Z';
const LONG = 'libvery-long-source-package-name-that-does-not-fit-a-phone';

/** A mirror with a kept generation, another tree that is held, and a disk that is nearly full. */
async function scene(): Promise<Scene> {
  const made = await openScene({ mirrors: [makeMirror('debian', { title: 'Debian' })] });
  onTestFinished(() => made.close());
  const { store, layout } = made;
  const kept = addGeneration(made, 'debian', { state: 'recycled', publishedAt: Date.parse(STAMP) });
  addGeneration(made, 'debian', { state: 'previous', slot: 'b', publishedAt: NOW - 5 * HOUR });
  const live = addGeneration(made, 'debian', { publishedAt: NOW - HOUR, files: 1_312_333, bytes: 2.12e12 });
  for (const stamp of [STAMP, '2026-11-19T06:00Z'])
    store.kept.add({
      ...{ mirror: 'debian', stamp, generation: kept.id, runId: null, files: 1_300_000, bytes: 2.1e12 },
      ...{ markerValue: null, markerTime: null, publishedAt: Date.parse(stamp), keptAt: NOW },
    });
  store.transaction(() => store.kept.remove('debian', '2026-11-19T06:00Z', { at: NOW - HOUR, because: 'disk' }));
  write(layout.slot('debian', 'a'), [`pool/${LONG}/${LONG}_2_amd64.deb`]);
  write(layout.kept('debian', STAMP), [`pool/${LONG}/${LONG}_1_amd64.deb`]);
  made.trees.set('debian', { live: { generation: live, root: layout.slot('debian', 'a') }, previous: null });
  store.held.put(heldTree(addRun(made, 'debian', { outcome: 'held' }).id, live.id));
  for (let hour = 30 * 24; hour >= 0; hour--)
    store.diskSamples.put({ at: NOW - hour * HOUR, total: 6e13, free: 8e12 + hour * 2e10 });
  return made;
}

function write(root: string, paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), path);
  }
}

function heldTree(runId: number, base: number): HeldTree {
  const shrunk = [{ path: `dists/${LONG}/main/binary-amd64/Packages.xz`, before: 11e6, after: 3e6 }];
  const sentence = `Upstream removed 791,234 of 1,312,333 files (60.3 %), more than the 50 % that are allowed.`;
  return {
    ...{ mirror: 'debian', runId, base, slot: 'b', heldAt: NOW - HOUR, approvedAt: null },
    report: {
      limits: [{ rule: 'max_delete', measured: '60.3 %', limit: '50 %', sentence }],
      change: { publishedFiles: 1_312_333, deletedFiles: 791_234, deletedBytes: 1e12, touchedFiles: 9, shrunk: null },
      folders: Array.from({ length: 60 }, (_, i) => ({
        ...{ folder: `pool/main/l/${LONG}-${i}`, deletedFiles: 10_000, deletedBytes: 1e9 },
        ...{ addedFiles: i, addedBytes: 0, changedFiles: 0 },
      })),
      deleted: [{ path: `pool/main/l/${LONG}_1_amd64.deb`, size: 123_000 }],
      ...{ shrunk, lost: [] },
    },
    ...{ numbers: NO_NUMBERS, marker: null },
  };
}

test('held, generations, difference and disk fit each screen, and axe knows no fault of them', async () => {
  const { url } = await scene();
  const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync) ?? 'chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  onTestFinished(() => browser.close());
  const diff = `/status/debian/diff?from=${encodeURIComponent(STAMP)}&to=live`;
  for (const [colorScheme, width] of [['light', 1280] as const, ['dark', 390] as const])
    for (const path of ['/status/debian/held', '/debian/@/', diff, '/status/disk', '/status', '/status/debian']) {
      const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } });
      await page.goto(`${url}${path}`);
      const where = `${path} in ${colorScheme}, ${width} wide`;
      expect(await page.evaluate('document.documentElement.scrollWidth > window.innerWidth'), where).toBe(false);
      await page.evaluate(axe.source);
      const found = await page.evaluate(
        'axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" | ")))',
      );
      expect(found, where).toEqual([]);
      await page.close();
    }
}, 240_000);
