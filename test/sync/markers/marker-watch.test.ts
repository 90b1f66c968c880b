import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Settings } from '../../../config/settings.js';
import { Layout } from '../../../content/layout.js';
import type { TreeMirror } from '../../../core/mirror.js';
import { createLog } from '../../../platform/log.js';
import { openStore, type Store } from '../../../store/open.js';
import { MarkerWatch, type MarkerWatchOptions } from '../../../sync/markers/marker-watch.js';
import { testMarker, testMirror, testSettings } from '../../fixtures/engine.js';
import { startDaemon } from '../../fixtures/rsync-daemon.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { writeTree } from '../../fixtures/tree.js';
import { startWebServer } from '../upstreams/oci/registry-scene.js';

interface Scene {
  readonly up: string;
  readonly url: string;
  readonly store: Store;
  readonly clock: { now: number };
  watch(
    mirrors: TreeMirror[],
    options?: Partial<MarkerWatchOptions>,
  ): { watch: MarkerWatch; use(next: TreeMirror[]): void };
}

const EVERY = 900_000;

async function scene(): Promise<Scene> {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  writeTree(up, { stamp: '100\n' });
  const daemon = await startDaemon({ modules: { pond: up } });
  mkdirSync(join(folder, 'data'));
  const layout = new Layout(join(folder, 'data'));
  const store = openStore(layout.stateDb);
  const clock = { now: Date.UTC(2026, 10, 25, 12) };
  onTestFinished(async () => {
    store.close();
    await daemon.stop();
  });
  return {
    ...{ up, url: daemon.url('pond'), store, clock },
    watch(mirrors, options) {
      let settings: Settings = testSettings(folder, mirrors);
      const watch = new MarkerWatch({
        ...{ settings: () => settings, store, layout, log: createLog('silent'), clock: () => clock.now },
        ...{ random: () => 0, runsAt: () => 0, isRunning: () => false },
        ...options,
      });
      onTestFinished(() => watch.stop());
      watch.start();
      return {
        watch,
        use(next) {
          settings = testSettings(folder, next);
          watch.apply();
        },
      };
    },
  };
}

const marked = (url: string, fields: Partial<TreeMirror> = {}): TreeMirror =>
  testMirror({ name: 'pond', upstreams: [url], marker: testMarker('stamp', { parser: 'epoch' }), ...fields });

test('markers of the direct and of the true upstream are read, again and again, without a run', async () => {
  const { up, url, store, clock, watch } = await scene();
  const origin = await startWebServer((_, response) => void response.end('200\n'));
  const begun = clock.now;
  const { use } = watch([marked(url, { origin: { url: `${origin.url}/` } })]);
  await vi.waitFor(() => expect(store.markers.of('pond').origin).toBeDefined());
  const first = { seenAt: begun, readAt: begun, failedSince: null, message: null };
  expect(store.markers.of('pond')).toEqual({
    direct: { value: '100', time: 100_000, ...first },
    origin: { value: '200', time: 200_000, ...first },
  });
  writeTree(up, { stamp: '200\n' });
  clock.now += EVERY;
  use([marked(url)]); // looks at the clock, and no longer at the origin
  await vi.waitFor(() => expect(store.markers.of('pond').direct?.value).toBe('200'));
  expect(store.markers.of('pond').direct).toMatchObject({ seenAt: clock.now, readAt: clock.now });
  expect(store.markers.newerThan('pond', 'direct', '100')).toMatchObject({ count: 1 });
  expect(origin.count('GET')).toBe(1);
  expect(store.runs.list('pond', 10)).toEqual([]);
});

test('what cannot be read is told since when, with the last that could', async () => {
  const { url, store, clock, watch } = await scene();
  const { use } = watch([marked(url)]);
  await vi.waitFor(() => expect(store.markers.of('pond').direct).toBeDefined());
  const failedAt = (clock.now += EVERY);
  use([marked(url.replace(/:\d+\/pond/, ':1/pond'))]);
  await vi.waitFor(() => expect(store.markers.of('pond').direct?.message).toMatch(/connection to upstream failed/));
  clock.now += EVERY;
  use([marked(url.replace('pond', 'absent'))]);
  await vi.waitFor(() => expect(store.markers.of('pond').direct?.message).not.toMatch(/connection to upstream failed/));
  expect(store.markers.of('pond').direct).toMatchObject({ value: '100', failedSince: failedAt });
});

test('what keeps this machine from asking is not told as a failure of the upstream', async () => {
  const { url, store, clock, watch } = await scene();
  const origin = { url: `${(await startWebServer((_, response) => void response.end('200\n'))).url}/` };
  watch([marked(url, { origin, password: { file: '/nowhere/password' } })]);
  await vi.waitFor(() => expect(store.markers.of('pond').origin?.readAt).toBe(clock.now));
  expect(store.markers.of('pond').direct).toBeUndefined();
});

test('that upstream has no marker is told, and is no failure', async () => {
  const { up, url, store, clock, watch } = await scene();
  const { use } = watch([marked(url)]);
  await vi.waitFor(() => expect(store.markers.of('pond').direct).toBeDefined());
  rmSync(join(up, 'stamp'));
  clock.now += EVERY;
  use([marked(url, { title: 'x' })]);
  const none = { value: null, failedSince: null, message: 'Upstream has no marker stamp.' };
  await vi.waitFor(() => expect(store.markers.of('pond').direct).toMatchObject({ ...none, readAt: clock.now }));
});

test('the next upstream of the list is asked where the first does not answer', async () => {
  const { url, store, watch } = await scene();
  watch([marked('rsync://127.0.0.1:1/pond/', { upstreams: ['rsync://127.0.0.1:1/pond/', url] })]);
  await vi.waitFor(() => expect(store.markers.of('pond').direct?.value).toBe('100'));
});

test('a host that runs already use up is asked later, and a running mirror reads its marker itself', async () => {
  const { url, store, clock, watch } = await scene();
  const asked: string[] = [];
  const runsAt = (host: string): number => asked.push(host) && 4; // the limit of the settings
  watch([marked(url)], { runsAt });
  await vi.waitFor(() => expect(asked).toContain('127.0.0.1'));
  expect(store.markers.of('pond')).toEqual({});

  const origin = await startWebServer((_, response) => void response.end('200\n'));
  watch([marked(url, { origin: { url: `${origin.url}/` } })], { isRunning: () => true });
  await vi.waitFor(() => expect(store.markers.of('pond').origin?.readAt).toBe(clock.now));
  expect(store.markers.of('pond').direct).toBeUndefined();
});

test('nothing is read any more once it is stopped, nor of a mirror without a marker', async () => {
  const { url, store, watch } = await scene();
  const hanging = await startWebServer(() => undefined);
  const { watch: one } = watch([
    marked(url, { marker: testMarker('stamp', { url: `${hanging.url}/` }) }),
    testMirror({ name: 'plain', upstreams: [url] }),
  ]);
  await vi.waitFor(() => expect(hanging.asked).toHaveLength(1));
  await one.stop();
  expect(store.markers.of('pond')).toEqual({});
  expect(store.markers.of('plain')).toEqual({});
});
