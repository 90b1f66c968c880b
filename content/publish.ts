import { mkdir, readlink, rm } from 'node:fs/promises';
import { MillpondError, systemCode } from '../core/errors.js';
import type { SlotName } from '../core/generation.js';
import { replaceSymlink } from '../platform/atomic-write.js';
import { runChild } from '../platform/child.js';
import type { Layout } from './layout.js';

const FLUSH_TIMEOUT_MS = 3600 * 1000;

/** Brings the bytes of a tree to the disk, so that what is switched in is whole after a power cut as well (syncfs(2)). */
export async function flushTree(
  root: string,
  options: { env?: Readonly<Record<string, string>>; signal?: AbortSignal } = {},
): Promise<void> {
  const end = await runChild('sync', ['--file-system', '--', root], { timeoutMs: FLUSH_TIMEOUT_MS, ...options });
  options.signal?.throwIfAborted();
  if (end.code !== 0) throw new MillpondError('internal', `flushing "${root}" to disk failed: ${end.stderr.trim()}`);
}

/** The switch: `live` points to `slot` from one moment to the next. */
export async function switchLive(layout: Layout, mirror: string, slot: SlotName): Promise<void> {
  await replaceSymlink(layout.live(mirror), layout.liveTarget(slot));
}

/** The slot that `live` points to, or null when there is none. */
export async function liveSlot(layout: Layout, mirror: string): Promise<SlotName | null> {
  const target = await readLinkOrNull(layout.live(mirror));
  return (['a', 'b'] as const).find((slot) => target === layout.liveTarget(slot)) ?? null;
}

/** Makes `public/<mirror>` lead to the live tree. */
export async function exposePublicly(layout: Layout, mirror: string): Promise<void> {
  await mkdir(layout.publicFolder, { recursive: true });
  const link = layout.publicLink(mirror);
  if ((await readLinkOrNull(link)) !== layout.publicTarget(mirror))
    await replaceSymlink(link, layout.publicTarget(mirror));
}

/** Takes a mirror out of the public folder; its trees stay where they are. */
export async function hideFromPublic(layout: Layout, mirror: string): Promise<void> {
  const link = layout.publicLink(mirror);
  // any other link is the operator's
  if ((await readLinkOrNull(link)) === layout.publicTarget(mirror)) await rm(link);
}

async function readLinkOrNull(path: string): Promise<string | null> {
  try {
    return await readlink(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'EINVAL') return null;
    throw error;
  }
}
