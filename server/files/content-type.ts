import mime from 'mime-types';
import type { RawName } from '../../core/tree-path.js';

const TEXT = 'text/plain; charset=utf-8';
const BINARY = 'application/octet-stream';

/** Where mime-db knows nothing, or not what a mirror means by the name. IANA names where there are some. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  deb: 'application/vnd.debian.binary-package',
  udeb: 'application/vnd.debian.binary-package',
  ddeb: 'application/vnd.debian.binary-package',
  rpm: 'application/x-rpm',
  drpm: 'application/x-rpm',
  gz: 'application/gzip',
  tgz: 'application/gzip',
  bz2: 'application/x-bzip2',
  tbz: 'application/x-bzip2',
  xz: 'application/x-xz',
  txz: 'application/x-xz',
  lzma: 'application/x-lzma',
  lz: 'application/x-lzip',
  lz4: 'application/x-lz4',
  zst: 'application/zstd',
  zck: 'application/x-zchunk',
  iso: 'application/x-iso9660-image',
  img: BINARY,
  exe: 'application/vnd.microsoft.portable-executable',
  asc: 'application/pgp-signature',
  sig: 'application/pgp-signature',
  sign: 'application/pgp-signature',
  whl: 'application/zip',
  zsync: 'application/x-zsync',
  jigdo: 'application/x-jigdo',
  template: BINARY,
  // MPEG video and "resource lists" to mime-db; sources on a mirror
  ts: TEXT,
  rs: TEXT,
  dsc: TEXT,
  changes: TEXT,
  buildinfo: TEXT,
  repo: TEXT,
  list: TEXT,
  sources: TEXT,
  diff: TEXT,
  patch: TEXT,
  py: TEXT,
  c: TEXT,
  h: TEXT,
  md5: TEXT,
  sha1: TEXT,
  sha256: TEXT,
  sha512: TEXT,
  md5sum: TEXT,
  sha256sum: TEXT,
  sha512sum: TEXT,
};

const TEXT_NAMES: ReadonlySet<string> = new Set([
  ...['InRelease', 'Release', 'Packages', 'Sources', 'Index', 'ls-lR', 'filelist', '.treeinfo', '.discinfo'],
  ...['MD5SUMS', 'MD5SUM', 'SHA1SUMS', 'SHA256SUMS', 'SHA512SUMS', 'B2SUMS', 'CHECKSUM', 'CHECKSUMS', 'sha256sums'],
  ...['README', 'INSTALL', 'COPYING', 'LICENSE', 'NEWS', 'AUTHORS', 'CHANGES', 'ChangeLog', 'Changelog', 'KEYS'],
  ...['MIRRORS', 'TIME', 'TIMESTAMP', 'timestamp', 'lastsync', 'lastupdate', '.htaccess', 'robots.txt'],
]);

/**
 * The media type of a file by its path below the mirror. The type is that of the file itself: an archive is never
 * announced as encoded content (RFC 9110 section 8.4), or clients would store it unpacked.
 */
export function contentTypeOf(segments: readonly RawName[]): string {
  const name = segments.at(-1) ?? '';
  if (TEXT_NAMES.has(name) || isTrace(segments) || /^(?:MD5|SHA\d+)SUMS?-|-CHECKSUM$/.test(name)) return TEXT;
  if (name === 'Release.gpg') return 'application/pgp-signature';
  const extension = /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase();
  if (extension === undefined) return BINARY;
  const known = Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined;
  return known ?? withCharset(mime.types[extension] ?? BINARY);
}

/** The types of all extensions that have one, small letters. */
export function typesByExtension(): ReadonlyMap<string, string> {
  const extensions = [...new Set([...Object.keys(BY_EXTENSION), ...Object.keys(mime.types)])];
  return new Map(
    extensions
      .filter((extension) => /^[a-z0-9]+$/.test(extension))
      .map((extension) => [extension, contentTypeOf([`x.${extension}`])] as const)
      .filter(([, type]) => type !== BINARY),
  );
}

/** The same by type. */
export function extensionsByType(): ReadonlyMap<string, readonly string[]> {
  const byType = new Map<string, string[]>();
  for (const [extension, type] of typesByExtension()) byType.set(type, [...(byType.get(type) ?? []), extension]);
  return byType;
}

/** Paths that are text whatever their extension says, as a regular expression for other programs. */
export const TEXT_PATHS = `(?:/project/trace/[^/]+|/(?:${[...TEXT_NAMES].map(literal).join('|')}|(?:MD5|SHA[0-9]+)SUMS?-[^/]*|[^/]*-CHECKSUM))$`;

function literal(name: string): string {
  return name.replaceAll('.', '\\.');
}

/** Documents that name their encoding themselves (HTML, XML) are left to do so. */
function withCharset(type: string): string {
  if (type === 'text/html' || type === 'text/xml') return type;
  return type.startsWith('text/') || type === 'application/json' ? `${type}; charset=utf-8` : type;
}

/** `project/trace/<host>`: the files by which mirrors of Debian tell when they were updated. */
function isTrace(segments: readonly RawName[]): boolean {
  return segments.at(-2) === 'trace' && segments.at(-3) === 'project';
}
