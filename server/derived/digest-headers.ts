import type { FileHashes, HashedFile } from '../../content/file-hashes.js';
import { encodePath, encodeName } from '../../core/tree-path.js';
import { FORM_TYPES, type DerivedForm } from './forms.js';

/** RFC 6249 asks for few of them; ten are what others ended up with. */
const MOST_DUPLICATES = 10;
const LINKED_FORMS: readonly DerivedForm[] = ['meta4', 'torrent'];

/**
 * Header fields of a file whose hash is known, as name, value, name, value: its digest in the old form (RFC 3230, what
 * aria2 reads) and in the present one (RFC 9530), and where else and in which forms it is found (RFC 6249). None else.
 */
export function digestHeaders(
  hashes: Pick<FileHashes, 'sha256'>,
  file: Pick<HashedFile, 'mirror' | 'segments' | 'stats'>,
  sources: readonly string[],
): readonly string[] {
  const sha256 = hashes.sha256(file)?.toString('base64');
  if (sha256 === undefined) return [];
  const path = encodePath([file.mirror, ...file.segments], false);
  const duplicates = sourceUrls(sources, file.segments)
    .slice(0, MOST_DUPLICATES)
    .map((url, index) => `<${url}>; rel=duplicate; pri=${index + 1}`);
  const described = LINKED_FORMS.filter((form) => form !== 'torrent' || file.stats.size > 0).map(
    (form) => `<${path}.${form}>; rel=describedby; type="${FORM_TYPES[form]}"`,
  );
  return [
    ...['Digest', `SHA-256=${sha256}`],
    ...['Repr-Digest', `sha-256=:${sha256}:`],
    ...['Link', [...duplicates, ...described].join(', ')],
  ];
}

/** The file below each of the addresses, which end in a slash. */
export function sourceUrls(sources: readonly string[], segments: readonly string[]): string[] {
  return sources.map((source) => `${source}${segments.map(encodeName).join('/')}`);
}
