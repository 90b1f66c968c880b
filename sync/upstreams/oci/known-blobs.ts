import type { BlobStore } from '../../../content/blobs.js';
import { systemCode } from '../../../core/errors.js';
import { digestOf, parseDigest, type Digest } from '../../../core/oci/digest.js';
import type { Store } from '../../../store/open.js';

export interface KnownBlobs {
  readonly store: Store;
  readonly blobs: BlobStore;
}

/** Of files that are gone, or on a disk that cannot be read. */
const LOST: ReadonlySet<string> = new Set(['ENOENT', 'EIO']);

/** Whether a blob is recorded and its file is there; one whose file is not is set aside, to be fetched again. */
export async function isOnDisk({ store, blobs }: KnownBlobs, digest: Digest): Promise<boolean> {
  const record = store.blobs.get(digest);
  if (!record) return false;
  const size = await orLost(sizeOf(blobs, digest));
  if (size === record.size) return true;
  blobs.setAside(record, size === null ? 'its file cannot be read' : `its file has ${size} bytes`);
  return false;
}

/** All bytes of a small blob that is recorded; null when they are not here. Wrong ones are set aside. */
export async function readChecked({ store, blobs }: KnownBlobs, digest: Digest): Promise<Buffer | null> {
  const record = store.blobs.get(digest);
  if (!record) return null;
  const bytes = await orLost(blobs.read(digest));
  if (bytes && digestOf(bytes, parseDigest(digest)?.algorithm) === digest) return bytes;
  blobs.setAside(record, bytes ? 'its bytes are not those of its digest' : 'its file cannot be read');
  return null;
}

async function sizeOf(blobs: BlobStore, digest: Digest): Promise<number> {
  const file = await blobs.open(digest);
  try {
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

async function orLost<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (LOST.has(systemCode(error) ?? '')) return null;
    throw error;
  }
}
