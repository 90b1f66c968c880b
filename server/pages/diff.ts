import { displayName } from '../../core/tree-path.js';
import type { DifferenceKind, TreeDifference } from '../../core/tree-difference.js';
import { countOf, formatBytes, formatCount } from '../../core/units.js';
import type { MirrorStatus } from '../mirror-status.js';
import type { PageFrame } from './page-frame.js';
import { renderView } from './view.js';

/** What was asked for. */
export interface DiffQuery {
  /** Names of generations: `live`, `previous` or a stamp. */
  readonly from: string;
  readonly to: string;
  readonly kind: DifferenceKind;
  /** From 1. */
  readonly page: number;
}

const KINDS: readonly DifferenceKind[] = ['added', 'changed', 'removed'];
const FILES_ON_A_PAGE = 500;
const OPEN_PACKAGES = 100;
/** Versions of a package in a row. */
const MOST_VERSIONS = 20;
const HIGHEST_PAGE = 1000;

/** Without any parameter, what the live generation has otherwise than the one before; what cannot be is not asked for. */
export function readDiffQuery(parameter: (name: string) => string): DiffQuery {
  const kind = KINDS.find((each) => each === parameter('kind')) ?? 'added';
  const page = Math.min(HIGHEST_PAGE, Math.max(1, Math.floor(Number(parameter('page'))) || 1));
  return { from: parameter('from') || 'previous', to: parameter('to') || 'live', kind, page };
}

/** The same for programs: names as shown on pages, files of one kind a page at a time. */
export function diffData(mirror: string, query: DiffQuery, difference: TreeDifference): object {
  const { counts, packages, packageCount } = difference;
  const files = filesOf(query, difference).map(({ path, size }) => ({ path: displayName(path), size }));
  return { mirror, ...query, counts, files, packageCount, packages };
}

/** `/status/<mirror>/diff`: what one generation has otherwise than another. */
export function renderDiff(
  frame: PageFrame,
  status: MirrorStatus,
  query: DiffQuery,
  difference: TreeDifference,
): string {
  const { counts, packages, packageCount } = difference;
  const listed = difference.files[query.kind].length;
  const rows = packages.map((each) => ({
    ...{ name: displayName(each.name), arch: each.arch },
    ...{ before: versionsText(each.before), after: versionsText(each.after) },
  }));
  const href = (more: Partial<DiffQuery>): string => addressOf(status, { ...query, page: 1, ...more });
  return renderView('diff', {
    ...frame,
    name: status.name,
    mirrorTitle: status.title,
    status: status.statusPath,
    generations: `${status.path}@/`,
    ...{ from: query.from, to: query.to, kind: query.kind },
    kinds: KINDS.map((kind) => ({
      ...{ kind, href: href({ kind }), files: countOf(counts[kind].files, 'file', 'files') },
      bytes: kind === 'removed' ? '' : formatBytes(counts[kind].bytes),
    })),
    packages: rows.slice(0, OPEN_PACKAGES),
    morePackages: rows.slice(OPEN_PACKAGES),
    packageCount: formatCount(packageCount),
    files: filesOf(query, difference).map(({ path, size }) => ({ path: displayName(path), size: formatBytes(size) })),
    isCut: counts[query.kind].files > listed,
    listed: formatCount(listed),
    first: query.page > 1 ? href({}) : null,
    next: query.page * FILES_ON_A_PAGE < listed ? href({ page: query.page + 1 }) : null,
    twins: { json: addressOf(status, query, '.json') },
  });
}

function versionsText(versions: readonly string[]): string {
  const more = versions.length > MOST_VERSIONS ? ` and ${formatCount(versions.length - MOST_VERSIONS)} more` : '';
  return `${versions.slice(0, MOST_VERSIONS).map(displayName).join(', ')}${more}`;
}

function filesOf({ kind, page }: DiffQuery, { files }: TreeDifference) {
  return files[kind].slice((page - 1) * FILES_ON_A_PAGE, page * FILES_ON_A_PAGE);
}

function addressOf({ statusPath }: MirrorStatus, { from, to, kind, page }: DiffQuery, twin = ''): string {
  const query = new URLSearchParams({ from, to, kind, ...(page > 1 ? { page: String(page) } : {}) });
  return `${statusPath}/diff${twin}?${query.toString()}`;
}
