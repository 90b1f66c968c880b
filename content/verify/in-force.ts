import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { systemCode } from '../../core/errors.js';
import { syncFolder } from '../../platform/atomic-write.js';
import { ReferenceRecord } from './reference-record.js';

/** An index of a published tree. */
export interface IndexEntry {
  /** What it is verified together with: the folder of a suite, of a repository (bytes in latin1). */
  readonly part: string;
  /** Where it is, below the root (bytes in latin1). */
  readonly path: string;
  /** Lower case hexadecimal: equal keys are equal indexes. */
  readonly key: string;
}

/** What the indexes of a published tree name. */
export interface InForce {
  /** The generation that it is of. */
  readonly generation: number;
  /** What the mirror left out of its upstream. */
  readonly selection: string;
  readonly entries: readonly IndexEntry[];
  /** By the keys of `entries`. */
  readonly records: ReadonlyMap<string, ReferenceRecord>;
}

const STATE_FILE = 'in-force.json';
const state = z.object({
  generation: z.int(),
  selection: z.string(),
  entries: z.array(z.object({ part: z.string(), path: z.string(), key: z.string().regex(/^[0-9a-f]{16,128}$/) })),
});

/** What is kept of `generation` in `folder`; null when it is not all there, so that everything is to be looked at. */
export async function readInForce(folder: string, generation: number | null): Promise<InForce | null> {
  if (generation === null) return null;
  const found = await readState(folder);
  if (found?.generation !== generation) return null;
  const records = new Map<string, ReferenceRecord>();
  for (const { key } of found.entries) {
    if (records.has(key)) continue;
    const bytes = await readOrNull(recordFile(folder, key));
    const record = bytes && ReferenceRecord.fromBytes(bytes);
    if (!record) return null;
    records.set(key, record);
  }
  return { ...found, records };
}

/** Replaces what is kept in `folder`. What a crash leaves is of no generation, or whole. */
export async function writeInForce(folder: string, next: InForce): Promise<void> {
  await mkdir(folder, { recursive: true });
  const wanted = new Set([STATE_FILE]);
  const present = new Set(await readdir(folder));
  for (const [key, record] of next.records) {
    const file = recordFile(folder, key);
    wanted.add(recordName(key));
    // equal names are equal bytes
    if (!present.has(recordName(key))) await writeDurably(file, record.toBytes());
  }
  const { generation, selection, entries } = next;
  await writeDurably(join(folder, STATE_FILE), Buffer.from(JSON.stringify({ generation, selection, entries })));
  await syncFolder(folder);
  for (const name of present) if (!wanted.has(name)) await rm(join(folder, name), { recursive: true, force: true });
}

async function readState(folder: string): Promise<z.output<typeof state> | null> {
  const text = await readOrNull(join(folder, STATE_FILE));
  if (text === null) return null;
  try {
    return state.parse(JSON.parse(text.toString('utf8')));
  } catch {
    return null; // damaged: as good as lost
  }
}

async function readOrNull(file: string): Promise<Buffer | null> {
  try {
    return await readFile(file);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

async function writeDurably(file: string, bytes: Buffer): Promise<void> {
  const handle = await open(`${file}.new`, 'w', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
}

function recordName(key: string): string {
  return `${key}.refs`;
}

function recordFile(folder: string, key: string): string {
  return join(folder, recordName(key));
}
