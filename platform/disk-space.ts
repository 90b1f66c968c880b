import { statfs } from 'node:fs/promises';
import type { SyncSettings } from '../config/settings.js';

export interface DiskSpace {
  /** Bytes of the file system that holds the path. */
  readonly total: number;
  /** Bytes that this user may still write. */
  readonly free: number;
}

export async function diskSpace(path: string): Promise<DiskSpace> {
  const { bsize, blocks, bavail } = await statfs(path);
  return { total: bsize * blocks, free: bsize * bavail };
}

/** Bytes of the file system that nothing of ours may use (`sync.reserve`). */
export function reserveBytes(reserve: SyncSettings['reserve'], disk: DiskSpace): number {
  return 'bytes' in reserve ? reserve.bytes : Math.floor(disk.total * reserve.share);
}
