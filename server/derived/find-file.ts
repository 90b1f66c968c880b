import { setTimeout as delay } from 'node:timers/promises';
import type { FileHashes, HashedFile, PendingHash } from '../../content/file-hashes.js';
import type { PublishedTree, PublishedTrees } from '../../content/published-trees.js';
import { MillpondError } from '../../core/errors.js';
import type { FileHash } from '../../core/file-hash.js';
import { displayName, type RawName } from '../../core/tree-path.js';
import { formatBytes } from '../../core/units.js';
import { lookUp, openEntry } from '../files/open-entry.js';

/** An open file of a published tree, and the tree that has it. The handle is the holder's to close. */
export interface OpenFile extends HashedFile {
  readonly tree: PublishedTree;
  /** Only the tree before the live one has it. */
  readonly isPrevious: boolean;
}

/** A hash that was not there in the time that a client waits. */
export interface HashUnderWay {
  readonly done: number;
  readonly secondsLeft: number;
}

const LARGEST_SIGNATURE = 64 * 1024;

/** The file at a path of a mirror, or undefined where none is. @throws system errors */
export async function findFile(
  trees: PublishedTrees,
  mirror: string,
  segments: readonly RawName[],
): Promise<OpenFile | undefined> {
  const found = await lookUp(trees, mirror, { segments, folder: false, tidy: true });
  if (found.kind !== 'file') return undefined;
  const { tree, stats, handle } = found;
  return { mirror, segments, tree, stats, handle, isPrevious: tree !== found.trees.live };
}

/**
 * The hash of a file, for which is waited so long, in milliseconds; then how far it is. The handle is closed in any
 * case. @throws MillpondError unavailable, conflict; system errors
 */
export async function hashWithin(hashes: FileHashes, file: OpenFile, waitMs: number): Promise<FileHash | HashUnderWay> {
  const known = hashes.known(file);
  if (known) {
    await file.handle.close();
    return known;
  }
  return within(hashes.compute(file), waitMs);
}

async function within(pending: PendingHash, waitMs: number): Promise<FileHash | HashUnderWay> {
  const timer = new AbortController();
  const late = delay(waitMs, undefined, { signal: timer.signal }).catch(() => undefined);
  try {
    const hash = await Promise.race([pending.hash, late]);
    return hash ?? { done: pending.done(), secondsLeft: pending.secondsLeft() };
  } finally {
    timer.abort();
  }
}

/** What a client is told that waited long enough. */
export function notYetHashed({ segments, stats }: OpenFile, { done, secondsLeft }: HashUnderWay): MillpondError {
  const name = displayName(segments.at(-1) ?? '');
  const share = Math.floor((done / stats.size) * 100);
  const state = done > 0 ? `${share} % of its ${formatBytes(stats.size)} were read` : 'other files are before it';
  return new MillpondError('unavailable', `The hashes of "${name}" are being computed: ${state}.`, {
    hint: `Ask again in ${secondsLeft} s; "curl --retry 20" does so by itself.`,
  });
}

/** The armored OpenPGP signature beside a file, in the same tree; null where there is none. */
export async function signatureOf({ tree, segments }: OpenFile): Promise<string | null> {
  const beside = [...segments.slice(0, -1), `${segments.at(-1) ?? ''}.asc`];
  const found = await openEntry(tree, beside);
  if (found.kind !== 'file') return null;
  try {
    if (found.stats.size > LARGEST_SIGNATURE) return null;
    const text = (await found.handle.readFile()).toString('latin1');
    return /^-----BEGIN PGP SIGNATURE-----\n[\t\n\x20-\x7e]*$/.test(text.replaceAll('\r\n', '\n')) ? text : null;
  } finally {
    await found.handle.close();
  }
}
