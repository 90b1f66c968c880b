import { gunzipSync } from 'node:zlib';
import { messageOf } from '../../../core/errors.js';
import { namedPath } from '../named-path.js';
import type { FileDigest, Reference } from '../reference-record.js';
import { IndexFault } from '../index-fault.js';
import { tarEntries } from '../tar.js';
import { GzipMembers, NoMembers } from './gzip-members.js';

/** A signature of an index. */
export interface IndexSignature {
  readonly algorithm: 'RSA-SHA1' | 'RSA-SHA256' | 'RSA-SHA512';
  /** The name of the file that holds its key. */
  readonly key: string;
  readonly signature: Buffer;
}

/** An `APKINDEX.tar.gz`, divided. */
export interface DividedIndex {
  readonly signatures: readonly IndexSignature[];
  /** All bytes behind the signatures: what is signed, and what is read. */
  readonly content: Buffer;
}

/** Alpine's largest has under 10 MB when it is decompressed. */
const LARGEST_PLAIN = 64 * 1024 * 1024;
const LARGEST_SIGNATURE = 64 * 1024;
const MOST_SIGNATURES = 16;
/** Packages; one that is missing ends the reading. */
const AT_A_TIME = 1_000;
const SIGNATURE = /^\.SIGN\.(RSA|RSA256|RSA512)\.([^/]{1,200})$/;
const ALGORITHMS: Readonly<Record<string, IndexSignature['algorithm']>> = {
  ...{ RSA: 'RSA-SHA1', RSA256: 'RSA-SHA256', RSA512: 'RSA-SHA512' },
};

/** Divides an index into signatures and what they sign (https://wiki.alpinelinux.org/wiki/Apk_spec). @throws IndexFault */
export async function divideIndex(bytes: Buffer): Promise<DividedIndex> {
  const members = new GzipMembers();
  try {
    members.push(bytes, ({ firstName, isSigned, starts }) => firstName !== null && (!isSigned || starts.length > 1));
  } catch (error) {
    if (error instanceof NoMembers) throw new IndexFault(error.message, []);
    throw error;
  }
  if (!members.isSigned) return { signatures: [], content: bytes };
  const start = members.starts[1];
  if (start === undefined) throw new IndexFault('ends after its signature', []);
  return { signatures: await signaturesIn(unpacked(bytes.subarray(0, start))), content: bytes.subarray(start) };
}

/** The packages that the content of an index in `folder` (below the root; empty is the root) names. @throws IndexFault */
export async function* packagesIn(content: Buffer, folder: string): AsyncGenerator<Reference[]> {
  const options = { wants: (name: string) => name === 'APKINDEX', largest: LARGEST_PLAIN };
  let isThere = false;
  for await (const entries of tarEntries(once(unpacked(content)), options))
    for (const entry of entries) {
      isThere = true;
      let packages: Reference[] = [];
      for (const paragraph of paragraphsIn(entry.content.toString('latin1'))) {
        packages.push(packageOf(paragraph, folder));
        if (packages.length < AT_A_TIME) continue;
        yield packages;
        packages = [];
      }
      yield packages;
    }
  if (!isThere) throw new IndexFault('holds no "APKINDEX"', []);
}

/** One after the other: an index of unknown origin may hold millions. */
function* paragraphsIn(text: string): Generator<string> {
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf('\n\n', start);
    const paragraph = text.slice(start, end < 0 ? text.length : end);
    if (paragraph.trim() !== '') yield paragraph;
    start += paragraph.length + 2;
  }
}

async function signaturesIn(plain: Buffer): Promise<IndexSignature[]> {
  const found: IndexSignature[] = [];
  const options = { wants: (name: string) => SIGNATURE.test(name), largest: LARGEST_SIGNATURE };
  for await (const entries of tarEntries(once(plain), options))
    for (const { name, content } of entries) {
      const [, kind = '', key = ''] = SIGNATURE.exec(name) ?? [];
      const algorithm = ALGORITHMS[kind];
      if (algorithm) found.push({ algorithm, key, signature: content });
    }
  if (found.length > MOST_SIGNATURES) throw new IndexFault(`holds over ${MOST_SIGNATURES} signatures`, []);
  return found;
}

/** Lines of one letter, a colon and a value. */
function packageOf(paragraph: string, folder: string): Reference {
  const field = (letter: string): string => new RegExp(`^${letter}:(.*)$`, 'm').exec(paragraph)?.[1]?.trim() ?? '';
  const [name, version, size] = [field('P'), field('V'), field('S')];
  const quoted = JSON.stringify(name.slice(0, 200));
  if ((paragraph.match(/^P:/gm) ?? []).length !== 1)
    throw new IndexFault('holds a paragraph that is not of one package', []);
  if (version === '' || !/^\d{1,15}$/.test(size))
    throw new IndexFault(`tells no version, or no size, of the package ${quoted}`, []);
  const file = `${name}-${version}.apk`;
  const path = file.includes('/') ? null : namedPath(folder, file);
  if (path === null)
    throw new IndexFault(`names ${JSON.stringify(file.slice(0, 200))} as a package, which is no name of a file`, []);
  return { path, size: Number(size), digest: digestOf(field('C'), quoted) };
}

/** `Q1` and SHA-1 in base64; what begins otherwise is of a kind that is not looked at. */
function digestOf(value: string, name: string): FileDigest | null {
  if (!value.startsWith('Q1')) return null;
  const sha1 = Buffer.from(value.slice(2), 'base64');
  if (sha1.length !== 20) throw new IndexFault(`tells no hash that is one of the package ${name}`, []);
  return `apk:${sha1.toString('hex')}`;
}

function unpacked(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: LARGEST_PLAIN });
  } catch (error) {
    throw new IndexFault(`cannot be decompressed (${messageOf(error)})`, []);
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes);
}
