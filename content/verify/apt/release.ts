import type { FileDigest } from '../reference-record.js';
import { namedPath } from '../named-path.js';
import { IndexFault } from '../index-fault.js';

/** A Release file (https://wiki.debian.org/DebianRepository/Format, "Release" files). */
export interface Release {
  /** What it names, by path below the root of the tree (bytes in latin1). */
  readonly files: ReadonlyMap<string, ReleasedFile>;
  /** Milliseconds since the epoch after which clients refuse it; null for never. */
  readonly validUntil: number | null;
  /** Clients ask for indexes under the names of their hashes. */
  readonly byHash: boolean;
}

export interface ReleasedFile {
  /** Bytes. */
  readonly size: number;
  readonly digest: FileDigest;
}

/** Sections of hashes that are strong enough, the first that is there counts, and how many digits they have. */
const SECTIONS = [
  { field: 'sha256', algorithm: 'sha256', digits: 64 },
  { field: 'sha512', algorithm: 'sha512', digits: 128 },
] as const;
const MOST_FILES = 200_000;

/** Whether a file named Release is that of a suite: those of its components and architectures name no files. */
export function isOfSuite(content: Buffer): boolean {
  return /^(?:MD5Sum|SHA1|SHA256|SHA512):/im.test(content.toString('latin1'));
}

/** Reads the Release file of the suite in `folder` (below the root; empty is the root). @throws IndexFault */
export function parseRelease(content: Buffer, folder: string): Release {
  const fields = fieldsOf(content.toString('latin1'));
  const section = SECTIONS.find(({ field }) => fields.has(field));
  if (!section) throw new IndexFault('names its indexes neither with SHA256 nor with SHA512', []);
  const files = new Map<string, ReleasedFile>();
  for (const line of (fields.get(section.field) ?? '').split('\n')) {
    if (line.trim() === '') continue;
    const [, hex = '', size = '', name = ''] = /^([0-9A-Fa-f]+)\s+(\d{1,15})\s+(\S.*)$/.exec(line.trim()) ?? [];
    if (hex.length !== section.digits)
      throw new IndexFault(`holds a line that is no hash, size and name: ${JSON.stringify(line.slice(0, 200))}`, []);
    const path = namedPath(folder, name);
    if (path === null) throw new IndexFault(`names ${JSON.stringify(name)}, which leads out of the tree`, []);
    if (files.size === MOST_FILES) throw new IndexFault(`names over ${MOST_FILES} files`, []);
    files.set(path, { size: Number(size), digest: `${section.algorithm}:${hex.toLowerCase()}` });
  }
  return {
    files,
    validUntil: validUntilOf(fields.get('valid-until')),
    byHash: /^yes$/i.test(fields.get('acquire-by-hash')?.trim() ?? ''),
  };
}

/** By name in lower case; lines that go on are kept as lines (deb-control(5), one paragraph). */
function fieldsOf(text: string): Map<string, string> {
  const fields = text.replaceAll('\r\n', '\n').split(/\n(?![ \t])/);
  return new Map(
    fields.flatMap((field) => {
      const [, name, value] = /^([!-9;-~]+):(.*)$/s.exec(field) ?? [];
      return name === undefined || value === undefined ? [] : [[name.toLowerCase(), value] as const];
    }),
  );
}

function validUntilOf(value: string | undefined): number | null {
  if (value === undefined) return null;
  const time = Date.parse(value.trim());
  if (Number.isNaN(time))
    throw new IndexFault(`has a Valid-Until that is no date: ${JSON.stringify(value.slice(0, 100))}`, []);
  return time;
}
