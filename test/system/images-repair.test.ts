import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Layout } from '../../content/layout.js';
import { buildImage } from '../fixtures/image-builder.js';
import { readBlob, readManifest } from '../fixtures/image-push.js';
import { startImageUpstream } from '../fixtures/image-upstream.js';
import { startProgram } from '../fixtures/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';

test('what is removed or spoiled behind the back of the program comes from upstream again', async () => {
  const upstream = await startImageUpstream();
  const image = buildImage({ seed: 'repaired', layers: [200_000] });
  await upstream.push('library/pond', image, '1');
  const program = await startProgram(await tempFolder(), {}, {}, { registries: { 'up.test': upstream.settings() } });
  const from = { url: program.url, repository: 'up.test/library/pond' };
  const layout = new Layout(program.data);
  const layer = image.blobs[1];
  if (!layer) throw new Error('the image has no layer');
  const fetches = (): number => upstream.faulty.requests({ method: 'GET', reference: layer.digest }).length;

  expect((await readManifest(from, '1'))?.digest).toBe(image.digest);
  expect((await readBlob(from, layer.digest))?.equals(layer.bytes)).toBe(true);
  // a client has all of it before it has its own name on the disk
  await expect.poll(() => existsSync(layout.blob(layer.digest))).toBe(true);
  const before = fetches();
  expect((await readBlob(from, layer.digest))?.equals(layer.bytes)).toBe(true);
  expect(fetches()).toBe(before); // it is here

  rmSync(layout.blob(layer.digest));
  expect((await readBlob(from, layer.digest))?.equals(layer.bytes)).toBe(true);
  expect(fetches()).toBe(before + 1);

  await program.end('SIGTERM');
  const again = await startProgram(
    program.config.replace(/\/[^/]*$/, ''),
    {},
    {},
    {
      registries: { 'up.test': upstream.settings() },
    },
  );
  const now = { ...from, url: again.url };
  writeFileSync(layout.blob(image.digest), '{}'); // nothing of it is in memory yet
  await expect(readManifest(now, '1')).rejects.toThrow('503');
  expect((await readManifest(now, '1'))?.bytes.equals(image.bytes)).toBe(true);
});

test('a registry is asked for clients of its zones alone, by the address of their connection', async () => {
  const upstream = await startImageUpstream();
  const image = buildImage({ seed: 'zones' });
  await upstream.push('library/pond', image, '1');
  const rule = { allow: ['**'], keep: '10GB' };
  const program = await startProgram(
    await tempFolder(),
    {},
    {},
    {
      zones: { here: { networks: ['127.0.0.0/8'] }, far: { networks: ['192.0.2.0/24'] } },
      registries: {
        'here.test': upstream.settings({ on_demand: { ...rule, zones: ['here'] } }),
        'far.test': upstream.settings({ on_demand: { ...rule, zones: ['far', 'public'] } }),
      },
    },
  );
  const find = (registry: string) => readManifest({ url: program.url, repository: `${registry}/library/pond` }, '1');
  expect((await find('here.test'))?.digest).toBe(image.digest);
  const before = upstream.faulty.requests({}).length;
  expect(await find('far.test')).toBeNull();
  expect(upstream.faulty.requests({}).length).toBe(before);
});
