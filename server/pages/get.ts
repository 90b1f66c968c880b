import { formatBytes, formatCount } from '../../core/units.js';
import { bestFile, type DownloadFile, type Product } from '../downloads/products.js';
import type { PageFrame } from './page-frame.js';
import { timeView } from './time-view.js';
import { renderView } from './view.js';

/** The computer that a page is for: what its User-Agent tells, or what was chosen instead. */
export interface Computer {
  /** `windows`, `macos`, or a name of something else; null where it is not known. */
  readonly system: string | null;
  readonly systemLabel: string | null;
  /** For people, as in `architectureName`; null where it is not known. */
  readonly arch: string | null;
}

const CATEGORIES = [
  { id: 'os', caption: 'Operating systems' },
  { id: 'app', caption: 'Programs' },
] as const;

/** Versions in the open table of older ones; more can be unfolded in the listing of the mirror. */
const MOST_OLDER = 20;

/** `/get`. */
export function renderGetList(
  frame: PageFrame,
  products: readonly Product[],
  { query, computer }: { query: string; computer: Computer },
): string {
  const shown = products.filter((product) => matches(product, query));
  return renderView('get', {
    ...frame,
    query,
    total: products.length,
    shown: shown.length,
    computer: computerWords(computer),
    parts: CATEGORIES.map(({ id, caption }) => ({
      ...{ id, caption },
      products: shown
        .filter(({ category }) => category === id)
        .map((product) => productRow(product, computer, frame.now)),
    })),
  });
}

/** Whether the name of a product contains all words that are searched for. */
export function matches({ name }: Product, query: string): boolean {
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => name.toLowerCase().includes(word));
}

/** `/get/<product>`. */
export function renderProduct(frame: PageFrame, product: Product, computer: Computer): string {
  const [newest, ...older] = product.versions;
  const best = bestFile(product, computer);
  const files = newest?.files ?? [];
  const all = [...new Set(product.versions.flatMap((each) => each.files.map(({ archName }) => archName)))];
  const names = all.filter((name) => name !== '').sort();
  return renderView('get-product', {
    ...frame,
    product: { id: product.id, name: product.name },
    newest: newest?.version ?? '',
    best: best && fileView(best, frame.now),
    computer: computerWords(computer),
    choices: names.map((name) => ({ name, isChosen: name === computer.arch })),
    matrix: matrixOf(files),
    files: files.map((file) => fileView(file, frame.now)),
    older: older.slice(0, MOST_OLDER).map(({ version, files: each }) => ({
      version,
      files: each.map((file) => fileView(file, frame.now)),
    })),
    unlisted: Math.max(0, older.length - MOST_OLDER),
    json: `/get/${product.id}.json`,
  });
}

function productRow(product: Product, computer: Computer, now: number): object {
  const best = bestFile(product, computer);
  return {
    name: product.name,
    href: `/get/${product.id}`,
    newest: product.versions[0]?.version ?? '',
    versions: product.versions.length,
    best: best && fileView(best, now),
  };
}

/** Kinds as rows, processors as columns; null where it would have one cell only. */
function matrixOf(files: readonly DownloadFile[]): object | null {
  const kinds = [...new Set(files.map(({ kind }) => kind))];
  const archs = [...new Set(files.map(({ archName }) => archName))];
  if (kinds.length * archs.length < 2 || archs.length > 12) return null;
  return {
    archs: archs.map((name) => name || 'any processor'),
    rows: kinds.map((kind) => ({
      kind: kind || 'File',
      cells: archs.map((arch) => ({
        arch: arch || 'any processor',
        files: files
          .filter((file) => file.kind === kind && file.archName === arch)
          .map(({ path, name, bytes }) => ({ path, name, size: formatBytes(bytes), ending: endingOf(name) })),
      })),
    })),
  };
}

function fileView(file: DownloadFile, now: number): object {
  return {
    ...file,
    size: formatBytes(file.bytes),
    exact: `${formatCount(file.bytes)} bytes`,
    changed: timeView(file.changedAt, now),
    folder: file.path.slice(0, file.path.lastIndexOf('/') + 1),
    what: [file.kind, file.archName].filter(Boolean).join(', '),
    forms: ['torrent', 'meta4', 'sha256'].map((form) => ({ form, href: `${file.path}.${form}` })),
    info: `${file.path}?info`,
  };
}

/** What tells two files of the same kind apart. */
function endingOf(name: string): string {
  return /\.((?:tar\.)?[A-Za-z0-9]+)$/.exec(name)?.[1] ?? name;
}

function computerWords({ systemLabel, arch }: Computer): string | null {
  return systemLabel === null && arch === null ? null : [systemLabel, arch].filter((word) => word !== null).join(', ');
}
