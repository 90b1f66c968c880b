import { afterAll, beforeAll, describe } from 'vitest';
import { testCases, type Deviations } from '../cases.js';
import { baseCases } from './base.js';
import { blobCases } from './blobs.js';
import { blobRangeCases } from './blob-ranges.js';
import type { ContractCase, Scene } from './case.js';
import { catalogCases } from './catalog.js';
import { chunkCases } from './chunks.js';
import { ContractClient } from './client.js';
import { deletionCases } from './deletion.js';
import { fuzzCases } from './fuzz.js';
import { manifestPushCases } from './manifest-push.js';
import { manifestCases } from './manifests.js';
import { nameCases } from './names.js';
import { referrerCases } from './referrers.js';
import { tagCases } from './tags.js';
import { uploadCases } from './uploads.js';

export interface RunningRegistry {
  /** Base address without `/v2`. */
  readonly url: string;
  /** The field that lets push, read and delete everything below `options.prefix`; without it nobody may push. */
  readonly authorization: string;
  stop(): Promise<void>;
}

export interface ContractOptions extends Deviations {
  /** First part of the names of all repositories (default `contract`). */
  readonly prefix?: string;
}

const CONTRACT_CASES: readonly ContractCase[] = [
  ...[...baseCases, ...blobCases, ...blobRangeCases, ...manifestCases, ...manifestPushCases],
  ...[...uploadCases, ...chunkCases, ...tagCases, ...deletionCases, ...referrerCases, ...catalogCases],
  ...[...nameCases, ...fuzzCases],
];

/** The checklist of the distribution API, success and failure of every row, against one registry. */
export function distributionContract(
  name: string,
  start: () => Promise<RunningRegistry>,
  options: ContractOptions = {},
): void {
  const { prefix = 'contract' } = options;
  describe(`${name} and the distribution API`, () => {
    let registry: RunningRegistry | undefined;
    let client: ContractClient | undefined;
    beforeAll(async () => {
      registry = await start();
      client = new ContractClient(registry.url, registry.authorization);
    });
    afterAll(async () => {
      client?.close();
      await registry?.stop();
    });

    testCases(CONTRACT_CASES, options, async ({ id, run }) => {
      if (!client) throw new Error('the registry did not start');
      await run(sceneOf(client, `${prefix}/${id}`));
    });
  });
}

function sceneOf(client: ContractClient, repository: string): Scene {
  return { client, repository: (name) => (name === undefined ? repository : `${repository}/${name}`) };
}
