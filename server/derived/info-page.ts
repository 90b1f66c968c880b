import { utcMinute } from '../../core/sentence.js';
import { displayName, encodePath } from '../../core/tree-path.js';
import { formatBytes, formatCount, formatDuration } from '../../core/units.js';
import type { PageFrame } from '../pages/page-frame.js';
import { renderView } from '../pages/view.js';
import type { DescribedFile } from './described-file.js';
import type { HashUnderWay, OpenFile } from './find-file.js';
import { FORMS } from './forms.js';

/** What `/<mirror>/<file>?info` tells; its JSON. Times are UTC, sizes bytes. */
export interface FileInfo {
  readonly mirror: string;
  readonly mirrorTitle: string;
  readonly name: string;
  /** Absolute URL path. */
  readonly path: string;
  readonly size: number;
  /** ISO 8601. */
  readonly modified: string;
  readonly generation: number;
  /** Only the tree before the one that is served still has it. */
  readonly previous: boolean;
  /** Null while they are computed. */
  readonly hashes: { readonly sha256: string; readonly pieceLength: number; readonly pieces: number } | null;
  /** How far that is; null when it is done. */
  readonly computing: HashUnderWay | null;
  /** Absolute addresses, our own first; empty while hashes are computed. */
  readonly urls: readonly string[];
  /** Absolute URL paths by form. */
  readonly forms: Readonly<Record<string, string>>;
}

export function fileInfo(file: OpenFile, known: DescribedFile | HashUnderWay, mirrorTitle: string): FileInfo {
  const { mirror, segments, stats, tree } = file;
  const path = encodePath([mirror, ...segments], false);
  const hash = 'hash' in known ? known.hash : null;
  const forms = FORMS.filter((form) => stats.size > 0 || !/^(?:torrent|magnet)$/.test(form));
  return {
    ...{ mirror, mirrorTitle, path, size: stats.size, previous: file.isPrevious, generation: tree.generation.id },
    name: displayName(segments.at(-1) ?? ''),
    modified: new Date(stats.mtimeMs).toISOString(),
    hashes: hash && {
      sha256: hash.sha256.toString('hex'),
      pieceLength: hash.pieceLength,
      pieces: Math.ceil(hash.size / hash.pieceLength),
    },
    computing: 'hash' in known ? null : known,
    urls: 'hash' in known ? [known.url, ...known.sources] : [],
    // by query: a tree may have a real file with such a name
    forms: Object.fromEntries(forms.map((form) => [form, `${path}?${form}`])),
  };
}

export function renderInfo(frame: PageFrame, info: FileInfo): string {
  const { hashes, computing } = info;
  return renderView('file-info', {
    ...frame,
    ...info,
    folder: info.path.slice(0, info.path.lastIndexOf('/') + 1),
    bytes: info.size < 1000 ? '' : `${formatCount(info.size)} bytes`, // else it is said already
    shownSize: formatBytes(info.size),
    changed: { iso: info.modified, absolute: utcMinute(Date.parse(info.modified)) },
    pieces: hashes && `${formatCount(hashes.pieces)} of ${formatBytes(hashes.pieceLength)}`,
    computing: computing && {
      share: info.size === 0 ? 0 : Math.floor((computing.done / info.size) * 100),
      left: formatDuration(computing.secondsLeft),
    },
    forms: Object.entries(info.forms).map(([form, href]) => ({ form, href, meaning: MEANINGS[form] ?? '' })),
    commands: commandsFor(info),
  });
}

export function infoText(info: FileInfo): string {
  const { hashes, computing } = info;
  const lines = [
    `file      ${info.path}`,
    `size      ${info.size}`,
    `modified  ${info.modified}`,
    `sha256    ${hashes?.sha256 ?? `being computed, ask again in ${computing?.secondsLeft ?? 1} s`}`,
    ...info.urls.map((url) => `url       ${url}`),
    ...Object.values(info.forms).map((path) => `form      ${path}`),
    ...(info.previous ? ['note      only the previous tree of this mirror has this file'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

const MEANINGS: Readonly<Record<string, string>> = {
  sha256: 'the checksum, for sha256sum -c',
  meta4: 'Metalink 4: all sources and the hash of each piece',
  metalink: 'Metalink 3, for older clients',
  torrent: 'for BitTorrent, versions 1 and 2; this server is its seed',
  magnet: 'the torrent as a link',
};

function commandsFor({ urls, size }: FileInfo): { client: string; text: string; note: string }[] {
  const [url] = urls;
  if (url === undefined) return [];
  const check = `curl -fsS ${quoted(`${url}?sha256`)} | sha256sum -c`;
  return [
    {
      client: 'Check',
      text: check,
      note: 'In the folder that has the file. It is over the same connection: for proof of who made it, use its signature.',
    },
    {
      client: 'Fetch and repair',
      text: `aria2c ${quoted(`${url}?meta4`)}`,
      note: 'Each piece is checked, and fetched again where it is wrong.',
    },
    ...(size > 0 ? [{ client: 'BitTorrent', text: `aria2c --seed-time=0 ${quoted(`${url}?torrent`)}`, note: '' }] : []),
  ];
}

/** One word for a shell: our addresses are percent-encoded, and hold no quote. */
function quoted(url: string): string {
  return `'${url.replaceAll("'", '%27')}'`;
}
