import { statfs } from 'node:fs/promises';

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
