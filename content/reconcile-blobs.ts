import { existsSync, renameSync, rmSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../core/errors.js';
import { DIGEST_ALGORITHMS, isDigest, type Digest } from '../core/oci/digest.js';
import type { Store } from '../store/open.js';
import { syncFolder } from '../platform/atomic-write.js';
import type { CollectHow } from './collect-garbage.js';
import { whyFetchGivenUp } from './garbage-reasons.js';
import type { Layout } from './layout.js';

export interface ReconcileBlobsOptions {
  readonly store: Store;
  readonly layout: Layout;
  readonly clock: () => number;
  readonly log: { info(message: string): void; warn(message: string): void };
}

const PAGE = 1_000;
const PREFIXES = Array.from({ length: 256 }, (_, n) => n.toString(16).padStart(2, '0'));

/**
 * Brings the records of blobs and the disk in agreement after any kind of end, before a blob is stored, removed or
 * served. The records are right: a file that is not recorded was never whole, and goes; a record whose file is missing
 * stays, and its blob counts as bad until it is fetched again. Only after an end that was not clean are all blobs looked
 * through, by their names; none is read.
 */
export async function reconcileBlobs(options: ReconcileBlobsOptions): Promise<void> {
  const { store, layout } = options;
  const wasClean = await takeMark(layout, store);
  await settleUploads(options);
  await settleAside(options);
  if (!wasClean) await settleBlobs(options);
}

/** The last step of a clean stop, when nothing is stored or removed any more: the next start need not look through all. */
export async function markBlobsSettled({
  store,
  layout,
}: Pick<ReconcileBlobsOptions, 'store' | 'layout'>): Promise<void> {
  await mkdir(layout.runFolder, { recursive: true, mode: 0o700 });
  await writeFile(layout.blobsSettled, markText(store), { flush: true });
  await syncFolder(layout.runFolder);
}

/**
 * Removes what unfinished fetches had received that nothing has come of for `idle` milliseconds, and says how many.
 * @throws the signal's reason
 */
export async function removeStaleFetches(
  { layout, clock }: Pick<ReconcileBlobsOptions, 'layout' | 'clock'>,
  idle: number,
  { dryRun = false, onCandidate, signal }: CollectHow = {},
): Promise<number> {
  let removed = 0;
  for (const name of await namesIn(layout.uploadsFolder)) {
    signal?.throwIfAborted();
    const digest = digestOfFetch(name);
    if (digest === undefined) continue;
    const file = layout.upload(name);
    const found = await stat(file).catch(() => undefined);
    const age = found && clock() - found.mtimeMs;
    if (!found || age === undefined || age <= idle) continue;
    if (!dryRun) await rm(file, { force: true });
    removed++;
    await onCandidate?.({ kind: 'fetch', repository: null, digest, bytes: found.size, why: whyFetchGivenUp(age) });
  }
  return removed;
}

/** A database that was lost or put back from a backup does not agree with the disk, however the program ended. */
function markText(store: Store): string {
  const { count, bytes } = store.blobs.total();
  return `${count} blobs, ${bytes} bytes\n`;
}

/** Takes the mark away for as long as the program runs; whether it was there and tells of these records. */
async function takeMark(layout: Layout, store: Store): Promise<boolean> {
  const text = await readFile(layout.blobsSettled, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return false;
  await rm(layout.blobsSettled, { force: true });
  await syncFolder(layout.runFolder);
  return text === markText(store);
}

/** What is being pushed has a session, what is being fetched is of use as long as the blob is not here. */
async function settleUploads({ store, layout }: ReconcileBlobsOptions): Promise<void> {
  for (const name of await namesIn(layout.uploadsFolder)) {
    const fetched = digestOfFetch(name);
    const isOfUse = fetched === undefined ? store.uploads.get(name) !== undefined : !store.blobs.get(fetched);
    // a session without a file is one of no bytes, and is found abandoned in time
    if (!isOfUse) await rm(layout.upload(name), { recursive: true, force: true });
  }
}

/** A blob lies aside since it is bad, or since the program ended while it was being removed. */
async function settleAside({ store, layout, log }: ReconcileBlobsOptions): Promise<void> {
  for (const name of await namesIn(layout.asideFolder)) {
    const digest = name.replace('-', ':');
    if (!isDigest(digest)) continue;
    if (store.badBlobs.get(digest)) continue;
    const file = layout.blob(digest);
    if (store.blobs.get(digest) && !existsSync(file)) {
      renameSync(layout.aside(digest), file);
      log.info(`the removal of ${digest} had not happened; it is back in its place`);
    } else rmSync(layout.aside(digest), { force: true });
  }
}

async function settleBlobs(options: ReconcileBlobsOptions): Promise<void> {
  for (const [algorithm, length] of Object.entries(DIGEST_ALGORITHMS))
    for (const prefix of PREFIXES) await settleFolder(options, `${algorithm}:${prefix}`, algorithm.length + 1 + length);
}

/** Compares the names in one folder of blobs with the records that begin like it. */
async function settleFolder(options: ReconcileBlobsOptions, prefix: string, length: number): Promise<void> {
  const { store, layout, clock, log } = options;
  const algorithm = prefix.slice(0, prefix.indexOf(':') + 1);
  const left = new Set((await namesIn(dirname(layout.blob(prefix)))).map((hex): Digest => algorithm + hex));
  for (const digest of recordedDigests(store, prefix)) {
    if (left.delete(digest) || store.badBlobs.get(digest)) continue;
    store.badBlobs.add(digest, 'its file is missing', clock());
    log.warn(`the file of ${digest} is missing; it is fetched again if that is possible`);
  }
  for (const digest of left) {
    if (digest.length !== length || !isDigest(digest)) continue; // not ours
    await rm(layout.blob(digest), { force: true });
    log.info(`${digest} was not recorded when the program ended; its file is removed`);
  }
}

function* recordedDigests(store: Store, prefix: string): Generator<Digest> {
  for (let after = prefix; ;) {
    const page = store.blobs.page(after, PAGE);
    for (const { digest } of page) {
      if (!digest.startsWith(prefix)) return;
      yield digest;
    }
    const last = page.at(-1);
    if (!last) return;
    after = last.digest;
  }
}

function digestOfFetch(name: string): Digest | undefined {
  const [, algorithm, hex] = /^fetch-([a-z0-9]+)-([a-f0-9]+)$/.exec(name) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : undefined;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
