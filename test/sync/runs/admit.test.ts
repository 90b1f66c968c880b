import { existsSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { Layout } from '../../../content/layout.js';
import type { ImageMirror } from '../../../core/oci/image-mirror.js';
import { openStore } from '../../../store/open.js';
import { admit } from '../../../sync/runs/admit.js';
import type { RunContext } from '../../../sync/runs/run-context.js';
import { testSettings } from '../../fixtures/engine.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

test('admit measures the disk of the blobs for images, and makes no folder of a mirror for them', async () => {
  const folder = await tempFolder();
  const layout = new Layout(folder);
  const store = openStore(layout.stateDb);
  onTestFinished(() => store.close());
  const mirror = { kind: 'oci', name: 'docker.io/library/debian' } as ImageMirror;
  const context = (reserve: number): RunContext =>
    ({
      settings: testSettings(folder, [], { reserve: { bytes: reserve } }),
      store,
      layout,
      mirror,
      keeper: { makeRoom: () => Promise.resolve(false) },
    }) as unknown as RunContext;
  await admit(context(0));
  expect(existsSync(layout.mirrorsFolder)).toBe(false);
  expect(layout.target(mirror)).toBe(folder);
  expect(layout.target({ kind: 'rsync', name: 'debian' })).toBe(layout.mirror('debian'));
  await expect(admit(context(1e18))).rejects.toMatchObject({ failure: 'disk-full' });
});
