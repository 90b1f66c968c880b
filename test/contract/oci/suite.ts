import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
  /** The field that lets push, read and delete everything below `options.prefix`; undefined where all are let. */
  readonly authorization?: string;
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
      it(`${id}: ${title}${reason === undefined ? '' : ` (not here: ${reason})`}`, async ({ skip }) => {
        if (!client) throw new Error('the registry did not start');
        const run = one.run(sceneOf(client, `${prefix}/${id}`, (note) => skip(note)));
        if (differs[id] !== undefined) await expectFailure(run);
        else if (unsteady[id] !== undefined) await run.catch(rethrowUnlessExpectation);
        else await run;
      });
    }
  });
}

function sceneOf(client: ContractClient, repository: string, skip: (note: string) => never): Scene {
  return { client, skip, repository: (name) => (name === undefined ? repository : `${repository}/${name}`) };
}

async function expectFailure(run: Promise<void>): Promise<void> {
  const outcome = await run.then(
    () => 'passed',
    (error: unknown) => rethrowUnlessExpectation(error) ?? 'failed',
  );
  expect(outcome, 'this registry no longer differs here: take the case off the list').toBe('failed');
}

/** A connection that breaks, a process that is gone, or a mistake in the case is no difference of the registry. */
function rethrowUnlessExpectation(error: unknown): undefined {
  if (!(error instanceof Error) || error.name !== 'AssertionError') throw error;
}
