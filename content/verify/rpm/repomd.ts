import type { Reference } from '../reference-record.js';
import { IndexFault } from '../index-fault.js';
import { readXml, type XmlHandler } from '../xml.js';
import { checksumOf, sizeOf } from './checksum.js';
import { locatedPath } from './location.js';

/** A file that repomd.xml names. */
export interface Metadata extends Reference {
  /** `primary`, `filelists`, `updateinfo` ...; several may have the same. */
  readonly type: string;
  /** Bytes when it is decompressed; null where that is not told. */
  readonly openSize: number | null;
}

const MOST_FILES = 1_000;

/**
 * What repomd.xml of the repository in `folder` (below the root; empty is the root) names.
 * (https://github.com/openSUSE/libzypp/blob/master/zypp/parser/yum/schema/repomd.rng) @throws IndexFault
 */
export async function parseRepomd(content: Buffer, folder: string): Promise<Metadata[]> {
  const found: Metadata[] = [];
  for await (const files of readXml(once(content), new Repomd(folder))) found.push(...files);
  return found;
}

class Repomd implements XmlHandler<Metadata> {
  #found: Metadata[] = [];
  #fields: Record<string, string> = {};
  #count = 0;

  constructor(private readonly folder: string) {}

  take(): Metadata[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  open(name: string, depth: number, attributes: Readonly<Record<string, string>>): void {
    if (depth === 1 && name !== 'repomd') throw new IndexFault('is no repomd.xml: its first element is another', []);
    if (depth === 2) this.#fields = { type: attributes['type'] ?? '' };
    if (depth !== 3) return;
    if (name === 'checksum') this.#fields['checksumType'] = attributes['type'] ?? '';
    if (name !== 'location') return;
    this.#fields['href'] = attributes['href'] ?? '';
    this.#fields['base'] = attributes['xml:base'] ?? '';
  }

  close(name: string, depth: number, text: string): void {
    if (depth === 3 && ['checksum', 'size', 'open-size'].includes(name)) this.#fields[name] = text.trim();
    if (depth !== 2 || name !== 'data') return;
    this.#count += 1;
    if (this.#count > MOST_FILES) throw new IndexFault(`names over ${MOST_FILES} files`, []);
    const metadata = metadataOf(this.#fields, this.folder);
    if (metadata) this.#found.push(metadata);
  }
}

function metadataOf(fields: Record<string, string>, folder: string): Metadata | null {
  const { type = '', href = '', base = '', checksumType = '', checksum = '', size } = fields;
  if (href === '') throw new IndexFault(`tells no place of its ${JSON.stringify(type.slice(0, 100))}`, []);
  const path = locatedPath(folder, base === '' ? undefined : base, href);
  if (path === null) return null;
  const digest = checksumOf(checksumType, checksum, href);
  if (digest === null) throw new IndexFault(`tells no checksum of ${JSON.stringify(href.slice(0, 200))}`, []);
  return { type, path, size: sizeOf(size), digest, openSize: sizeOf(fields['open-size']) };
}

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(content);
}
