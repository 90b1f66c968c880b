import { namedPath } from '../named-path.js';
import type { HashAlgorithm, FileDigest, Reference } from '../reference-record.js';
import { IndexFault } from '../index-fault.js';

/** Longest paragraph, in characters; the longest of Debian's has under 200,000. */
const LONGEST = 4 * 1024 * 1024;
const DIGITS: Readonly<Record<HashAlgorithm, number>> = { sha256: 64, sha512: 128, sha1: 40, md5: 32 };
/** The first that is there counts. */
const PACKAGE_FIELDS = [
  { algorithm: 'sha256', field: /^SHA256:(.*)$/im },
  { algorithm: 'sha512', field: /^SHA512:(.*)$/im },
  { algorithm: 'sha1', field: /^SHA1:(.*)$/im },
  { algorithm: 'md5', field: /^MD5sum:(.*)$/im },
] as const;
const SOURCE_FIELDS = [
  { algorithm: 'sha256', field: /^Checksums-Sha256:.*\n((?:[ \t].*(?:\n|$))+)/im },
  { algorithm: 'sha512', field: /^Checksums-Sha512:.*\n((?:[ \t].*(?:\n|$))+)/im },
  { algorithm: 'sha1', field: /^Checksums-Sha1:.*\n((?:[ \t].*(?:\n|$))+)/im },
  { algorithm: 'md5', field: /^Files:.*\n((?:[ \t].*(?:\n|$))+)/im },
] as const;

/**
 * What an index `Packages` or `Sources` names, by its text in pieces; `base` is the folder (below the root) that its
 * paths count from. (https://wiki.debian.org/DebianRepository/Format, "Packages" and "Sources" indices)
 * @throws IndexFault
 */
export async function* packageReferences(
  chunks: AsyncIterable<Buffer>,
  kind: 'Packages' | 'Sources',
  base: string,
): AsyncGenerator<Reference[]> {
  const referencesOf = kind === 'Packages' ? ofPackage : ofSource;
  let rest = '';
  for await (const chunk of chunks) {
    rest += chunk.toString('latin1');
    if (rest.includes('\r\n')) rest = rest.replaceAll('\r\n', '\n');
    const end = rest.lastIndexOf('\n\n');
    if (end >= 0) {
      yield paragraphsOf(rest.slice(0, end)).flatMap((paragraph) => referencesOf(paragraph, base));
      rest = rest.slice(end + 2);
    }
    if (rest.length > LONGEST) throw new IndexFault(`holds a paragraph of over ${LONGEST} bytes`, []);
  }
  yield paragraphsOf(rest).flatMap((paragraph) => referencesOf(paragraph, base));
}

function paragraphsOf(text: string): string[] {
  return text.split(/\n\n+/).filter((paragraph) => paragraph.trim() !== '');
}

function ofPackage(paragraph: string, base: string): Reference[] {
  const name = packageOf(paragraph);
  const path = /^Filename:(.*)$/im.exec(paragraph)?.[1]?.trim();
  const size = /^Size:(.*)$/im.exec(paragraph)?.[1]?.trim() ?? '';
  if (!path || !/^\d{1,15}$/.test(size)) throw new IndexFault(`tells no file, or no size, of the package ${name}`, []);
  const digest = digestIn(paragraph, name);
  return [{ path: pathOf(base, path, name), size: Number(size), digest }];
}

function digestIn(paragraph: string, name: string): FileDigest | null {
  for (const { algorithm, field } of PACKAGE_FIELDS) {
    const hex = field.exec(paragraph)?.[1];
    if (hex !== undefined) return digestOf(algorithm, hex.trim(), name);
  }
  return null;
}

function ofSource(paragraph: string, base: string): Reference[] {
  const name = packageOf(paragraph);
  const directory = /^Directory:(.*)$/im.exec(paragraph)?.[1]?.trim();
  const section = SOURCE_FIELDS.find(({ field }) => field.test(paragraph));
  if (!directory || !section) throw new IndexFault(`tells no folder, or no files, of the source package ${name}`, []);
  const lines = section.field.exec(paragraph)?.[1]?.trimEnd().split('\n') ?? [];
  return lines.map((line) => {
    const [, hex = '', size = '', file = ''] = /^\s+(\S+)\s+(\d{1,15})\s+(\S+)\s*$/.exec(line) ?? [];
    if (file === '' || file.includes('/'))
      throw new IndexFault(`holds a line that is no hash, size and name, of the source package ${name}`, []);
    const path = pathOf(base, `${directory}/${file}`, name);
    return { path, size: Number(size), digest: digestOf(section.algorithm, hex, name) };
  });
}

/** A paragraph of several packages would be one of which the others are not looked at. */
function packageOf(paragraph: string): string {
  const names = [...paragraph.matchAll(/^Package:(.*)$/gim)];
  if (names.length !== 1) throw new IndexFault(`holds a paragraph of ${names.length} packages`, []);
  return JSON.stringify(names[0]?.[1]?.trim().slice(0, 200));
}

function pathOf(base: string, path: string, name: string): string {
  const named = namedPath(base, path);
  if (named !== null) return named;
  const quoted = JSON.stringify(path.slice(0, 200));
  throw new IndexFault(`names ${quoted} as a file of the package ${name}, which leads out of the tree`, []);
}

function digestOf(algorithm: HashAlgorithm, hex: string, name: string): FileDigest {
  if (hex.length === DIGITS[algorithm] && /^[0-9a-f]+$/i.test(hex)) return `${algorithm}:${hex.toLowerCase()}`;
  throw new IndexFault(`tells no hash that is one of the package ${name}`, []);
}
