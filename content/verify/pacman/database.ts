import { namedPath } from '../named-path.js';
import type { FileDigest, Reference } from '../reference-record.js';
import { IndexFault } from '../index-fault.js';
import { tarEntries } from '../tar.js';

/** Of the description of a package; with embedded signature and long lists of dependencies. */
const LARGEST_DESCRIPTION = 4 * 1024 * 1024;

/** A package that a database names. */
export interface DatabasePackage extends Reference {
  /** The database tells its signature. */
  readonly isSigned: boolean;
}

/**
 * The packages that a database of pacman in `folder` (below the root; empty is the root) names, by the bytes of its tar
 * archive in pieces. (repo-add(8); https://wiki.archlinux.org/title/Arch_Linux_package_format) @throws IndexFault
 */
export async function* packagesIn(chunks: AsyncIterable<Buffer>, folder: string): AsyncGenerator<DatabasePackage[]> {
  const options = { wants: (name: string) => name.endsWith('/desc'), largest: LARGEST_DESCRIPTION };
  for await (const entries of tarEntries(chunks, options))
    yield entries.map(({ name, content }) => packageOf(name, content.toString('latin1'), folder));
}

function packageOf(entry: string, description: string, folder: string): DatabasePackage {
  const name = JSON.stringify(entry.slice(0, -'/desc'.length).slice(0, 200));
  const fields = fieldsOf(description);
  const file = fields.get('FILENAME');
  const size = fields.get('CSIZE') ?? '';
  if (!file || !/^\d{1,15}$/.test(size)) throw new IndexFault(`tells no file, or no size, of the package ${name}`, []);
  const path = file.includes('/') ? null : namedPath(folder, file);
  if (path === null)
    throw new IndexFault(
      `names ${JSON.stringify(file.slice(0, 200))} as the file of the package ${name}, which is no name of a file`,
      [],
    );
  return { path, size: Number(size), digest: digestOf(fields, name), isSigned: fields.has('PGPSIG') };
}

/** The first line of each field; a field is `%NAME%`, its lines, and an empty line. */
function fieldsOf(description: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [, name, value] of description.matchAll(/^%([A-Z0-9]+)%\r?\n([^\r\n]*)/gm))
    if (name !== undefined && value !== undefined && !fields.has(name)) fields.set(name, value);
  return fields;
}

function digestOf(fields: ReadonlyMap<string, string>, name: string): FileDigest | null {
  const [algorithm, digits] = fields.has('SHA256SUM') ? (['sha256', 64] as const) : (['md5', 32] as const);
  const hex = fields.get(algorithm === 'sha256' ? 'SHA256SUM' : 'MD5SUM');
  if (hex === undefined) return null;
  if (hex.length === digits && /^[0-9a-f]+$/i.test(hex)) return `${algorithm}:${hex.toLowerCase()}`;
  throw new IndexFault(`tells no hash that is one of the package ${name}`, []);
}
