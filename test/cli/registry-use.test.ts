import { describe, expect, test } from 'vitest';
import { RegistryUse } from '../../cli/registry-use.js';
import { parseSettings } from '../../config/load.js';
import { ImageStore } from '../content/image-store.js';

const settings = parseSettings(
  `registries: { docker.io: { url: "https://registry-1.docker.io" } }
images: [{ from: docker.io/debian, as: base/debian, tags: "*", schedule: manual }]`,
  '/x/millpond.yaml',
);

describe('RegistryUse', () => {
  test('counts what clients got with the registry that it follows, and nothing of our own', async () => {
    const { store } = await ImageStore.open();
    const use = new RegistryUse({ store, settings: () => settings, budgets: () => new Map() });
    for (const repository of ['base/debian', 'docker.io/library/alpine', 'lab/tool'])
      use.pulled({ kind: 'manifest', repository, tag: 'latest', digest: 'sha256:0', bytes: 1000 });
    expect(use.registries()).toMatchObject([{ name: 'docker.io', bytesServed: 2000, hits: 2, troubleSince: null }]);
  });

  test('tells since when a registry cannot be asked', async () => {
    const { store } = await ImageStore.open();
    const troubleSince = (name: string): number => (name === 'docker.io' ? 1000 : 0);
    const use = new RegistryUse({ store, settings: () => settings, budgets: () => new Map(), troubleSince });
    expect(use.registries()).toMatchObject([{ troubleSince: 1000 }]);
  });
});
