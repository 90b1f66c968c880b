import { describe, expect, it, onTestFinished } from 'vitest';
import { openStore } from '../../../../store/open.js';
import { RegistryClients } from '../../../../sync/upstreams/oci/registry-clients.js';
import { buildImage } from '../../../fixtures/image-builder.js';
import { startImageUpstream } from '../../../fixtures/image-upstream.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';
import { asking, registryAt } from './registry-scene.js';

const BEFORE = { pulls: 50, window: 600 };
const AFTER = { pulls: 9, window: 600 };

async function openClients(): Promise<RegistryClients> {
  const store = openStore(`${await tempFolder()}/state.db`);
  onTestFinished(() => store.close());
  const clients = new RegistryClients({ store, clock: Date.now });
  onTestFinished(() => clients.close());
  return clients;
}

describe('RegistryClients', () => {
  it('has one client for each state of the settings, also while a run goes on with the former one', async () => {
    const clients = await openClients();
    const [before, after] = [BEFORE, AFTER].map((budget) => registryAt('http://127.0.0.1:9', { budget }));
    if (!before || !after) throw new Error('two are needed');
    const sources = [before, after].map((registry) => clients.sourceOf(registry));
    expect(sources[0]).not.toBe(sources[1]);
    for (let times = 0; times < 3; times++)
      expect([before, { ...after }].map((registry) => clients.sourceOf(registry))).toEqual(sources);
    expect(clients.sourceOf({ ...before, alias: 'hub.example.edu' })).toBe(sources[0]);
  });

  it('lets those of other settings know what was pulled, and what the operator allows no more', async () => {
    const upstream = await startImageUpstream();
    const image = buildImage({ seed: 'counted' });
    await upstream.push('library/pond', image, 'latest');
    const clients = await openClients();
    const [before, after] = [BEFORE, AFTER].map((budget) => registryAt(upstream.faulty.url, { budget }));
    const free = registryAt(upstream.faulty.url);
    if (!before || !after) throw new Error('two are needed');
    expect(clients.budgetOf(after).remaining).toBe(9);
    for (const registry of [before, free, after, free, before])
      await clients.sourceOf(registry).client.getManifest('library/pond', 'latest', asking());
    expect([before, after].map((registry) => clients.budgetOf(registry).remaining)).toEqual([47, 6]);
  });
});
