import type { Reference } from '../reference-record.js';
import { IndexFault } from '../index-fault.js';
import { readXml, type XmlHandler } from '../xml.js';
import { checksumOf, sizeOf } from './checksum.js';
import { locatedPath } from './location.js';

/**
 * The packages that primary.xml of the repository in `folder` (below the root; empty is the root) names, by its bytes in
 * pieces. Those whose `xml:base` is an address elsewhere are left out.
 * (https://github.com/openSUSE/libzypp/blob/master/zypp/parser/yum/schema/primary.rng) @throws IndexFault
 */
export function packagesIn(chunks: AsyncIterable<Buffer>, folder: string): AsyncGenerator<Reference[]> {
  return readXml(chunks, new Packages(folder));
}

interface PackageFields {
  name: string;
  href: string;
  base?: string | undefined;
  size?: string | undefined;
  checksumType: string;
  checksum: string;
}

class Packages implements XmlHandler<Reference> {
  #found: Reference[] = [];
  #fields = noFields();

  constructor(private readonly folder: string) {}

  take(): Reference[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  open(name: string, depth: number, attributes: Readonly<Record<string, string>>): void {
    if (depth === 1 && name !== 'metadata') throw new IndexFault('is no primary.xml: its first element is another', []);
    if (depth === 2) this.#fields = noFields();
    if (depth !== 3) return;
    if (name === 'checksum') this.#fields.checksumType = attributes['type'] ?? '';
    else if (name === 'size') this.#fields.size = attributes['package'];
    else if (name === 'location') {
      this.#fields.href = attributes['href'] ?? '';
      this.#fields.base = attributes['xml:base'];
    }
  }

  close(name: string, depth: number, text: string): void {
    if (depth === 3 && name === 'checksum') this.#fields.checksum = text.trim();
    else if (depth === 3 && name === 'name') this.#fields.name = text.trim();
    else if (depth === 2 && name === 'package') this.#add(this.#fields);
  }

  #add({ name, href, base, size: told, checksumType, checksum }: PackageFields): void {
    const size = sizeOf(told);
    if (href === '' || size === null)
      throw new IndexFault(`tells no file, or no size, of the package ${JSON.stringify(name.slice(0, 200))}`, []);
    const path = locatedPath(this.folder, base, href);
    if (path !== null) this.#found.push({ path, size, digest: checksumOf(checksumType, checksum, href) });
  }
}

function noFields(): PackageFields {
  return { name: '', href: '', checksumType: '', checksum: '' };
}
