import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baseCases } from './base.js';
import { blobCases } from './blobs.js';
import { blobRangeCases } from './blob-ranges.js';
import type { ContractCase, Scene } from './case.js';
import { catalogCases } from './catalog.js';
import { chunkCases } from './chunks.js';
import { ContractClient } from './client.js';
import { deletionCases } from './deletion.js';
import { expectDifference, expectEither } from './difference.js';
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

export interface ContractOptions {
  /** Cases in which this registry is known to differ, and why. Such a case must fail, so that the list is never stale. */
  readonly differs?: Readonly<Record<string, string>>;
  /** Cases that it passes at times and fails at others, and why: they are run, and may do either. */
  readonly unsteady?: Readonly<Record<string, string>>;
  /** First part of the names of all repositories (default `contract`). */
  readonly prefix?: string;
}

export const CONTRACT_CASES: readonly ContractCase[] = [
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
  const { differs = {}, unsteady = {}, prefix = 'contract' } = options;
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

    it('has cases of different ids, and knows every case that is listed as different', () => {
      const ids = CONTRACT_CASES.map(({ id }) => id);
      expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
      expect([...Object.keys(differs), ...Object.keys(unsteady)].filter((id) => !ids.includes(id))).toEqual([]);
    });

    for (const one of CONTRACT_CASES) {
      const { id, title } = one;
      const reason = differs[id] ?? unsteady[id];
      it(`${id}: ${title}${reason === undefined ? '' : ` (not here: ${reason})`}`, async () => {
        if (!client) throw new Error('the registry did not start');
        const run = one.run(sceneOf(client, `${prefix}/${id}`));
        if (differs[id] !== undefined) await expectDifference(run);
        else if (unsteady[id] !== undefined) await expectEither(run);
        else await run;
      });
    }
  });
}

function sceneOf(client: ContractClient, repository: string): Scene {
  return { client, repository: (name) => (name === undefined ? repository : `${repository}/${name}`) };
}
