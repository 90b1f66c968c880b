import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { bytePath } from '../../byte-path.js';
import { decompressed, Undecompressable, type Compression } from '../decompress.js';
import { folderOf, inFolder } from '../named-path.js';
import { algorithmOf, type Reference } from '../reference-record.js';
import { IndexFault } from '../index-fault.js';
import type { Index } from '../references.js';
import type { VerifyRequest } from '../verifier.js';
import { packageReferences } from './packages.js';
import type { ReleasedFile } from './release.js';

/** One form of an index in the tree. */
export interface IndexForm {
  /** As the Release file names it. */
  readonly path: string;
  /** Where it is: there, or under the name of its hash. */
  readonly at: string;
  readonly compression: Compression;
  readonly told: ReleasedFile;
}

/** The largest Packages of Debian has 60 MB; where the Release file tells the size, that counts. */
const LARGEST = 2 * 1024 ** 3;

/** An index of packages that is read from one of its forms; `whole` is what the Release file tells of it uncompressed. */
export function packageIndex(
  request: VerifyRequest,
  index: Pick<Index, 'part' | 'path' | 'key'> & { readonly form: IndexForm; readonly whole: ReleasedFile | undefined },
): Index {
  const { part, path, key, form, whole } = index;
  return { part, path, key, references: () => referencesIn(request, { part, path, form, whole }) };
}

async function* referencesIn(
  request: VerifyRequest,
  { part, path, form, whole }: { part: string; path: string; form: IndexForm; whole: ReleasedFile | undefined },
): AsyncGenerator<Reference[]> {
  const { root, signal, env } = request;
  const kind = path.endsWith('Sources') ? 'Sources' : 'Packages';
  const most = Math.min(LARGEST, whole?.size ?? LARGEST);
  try {
    const text = decompressed(bytePath(root, form.at), form.compression, { most, signal, env });
    const base = baseOf(part);
    const found = packageReferences(asTold(text, whole), kind, base ?? part);
    if (base !== null) yield* found;
    else yield* atItsBase(root, part, found);
  } catch (error) {
    if (error instanceof Undecompressable) throw new IndexFault(error.message, [form.at]);
    throw error;
  }
}

/** Passes the bytes on, and at their end says whether they are what the Release file tells. */
async function* asTold(text: AsyncIterable<Buffer>, whole: ReleasedFile | undefined): AsyncGenerator<Buffer> {
  const hash = whole && createHash(algorithmOf(whole.digest));
  for await (const chunk of text) {
    hash?.update(chunk);
    yield chunk;
  }
  if (whole && !whole.digest.endsWith(`:${hash?.digest('hex') ?? ''}`))
    throw new IndexFault('is not, when it is decompressed, what the Release file tells', []);
}

/** The folder that paths in a suite's indexes count from: the one that holds `dists`; null for a suite without one. */
function baseOf(suite: string): string | null {
  const segments = suite.split('/');
  const dists = segments.lastIndexOf('dists');
  return dists < 0 ? null : segments.slice(0, dists).join('/');
}

/**
 * In a flat repository paths count from the address in sources.list, which may be the folder of the Release file or any
 * above it (`deb URL folder/`): it is the nearest from which the first file is found.
 */
async function* atItsBase(
  root: string,
  suite: string,
  batches: AsyncIterable<Reference[]>,
): AsyncGenerator<Reference[]> {
  let base: string | null = null;
  for await (const batch of batches) {
    const first = batch[0]?.path;
    if (first === undefined) continue;
    base ??= await nearestBase(root, suite, suite === '' ? first : first.slice(suite.length + 1));
    const found = base;
    yield batch.map((reference) => ({
      ...reference,
      path: inFolder(found, suite === '' ? reference.path : reference.path.slice(suite.length + 1)),
    }));
  }
}

async function nearestBase(root: string, suite: string, name: string): Promise<string> {
  for (let base = suite; ; base = folderOf(base)) {
    const found = await stat(bytePath(root, inFolder(base, name))).catch(() => null);
    if (found) return base;
    if (base === '') return suite;
  }
}
