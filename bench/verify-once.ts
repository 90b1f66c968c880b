import { readFileSync } from 'node:fs';
import type { Change } from '../content/change-list.js';
import { VERIFIERS } from '../content/verify/kinds.js';

/** What one process verifies; the last argument of its command line, as JSON. */
export interface Task {
  readonly root: string;
  readonly published: string | null;
  readonly keyring: string;
  readonly records: string;
  /** File of changed paths, one a line; null is not known. */
  readonly changed: string | null;
}

const { root, published, keyring, records, changed } = JSON.parse(process.argv.at(-1) ?? '') as Task;

async function* changes(): AsyncGenerator<Change> {
  for (const path of readFileSync(changed ?? '', 'utf8')
    .trim()
    .split('\n'))
    yield await Promise.resolve({ kind: 'file', created: true, attributesOnly: false, size: 0, folder: false, path });
}

const started = performance.now();
const { findings, accept } = await VERIFIERS.apt({
  ...{ root, published, records, keyrings: [keyring], changes: changed === null ? null : changes, base: 1 },
  ...{ selection: '', hashes: 'sampled', seed: 'bench', env: {}, clock: Date.now },
  signal: new AbortController().signal,
});
if (findings.length === 0) await accept(1);
const ms = performance.now() - started;
const { maxRSS } = process.resourceUsage();
process.stdout.write(JSON.stringify({ ms, peakBytes: maxRSS * 1024, findings: findings.slice(0, 3) }));
