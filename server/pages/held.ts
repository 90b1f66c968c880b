import type { FolderChange } from '../../core/folder-groups.js';
import type { HeldTree } from '../../core/held.js';
import { displayName } from '../../core/tree-path.js';
import { countOf, formatBytes, formatCount } from '../../core/units.js';
import type { MirrorStatus } from '../mirror-status.js';
import { verdictView, type PageFrame } from './page-frame.js';
import { outcomeSign } from './run-view.js';
import { timeView } from './time-view.js';
import { renderView } from './view.js';

/** Folders in the open table; the others can be unfolded. */
const OPEN_FOLDERS = 50;

/** What is told of a held tree; names of files are left out where the client may not read them. */
export interface HeldData {
  readonly mirror: string;
  /** Null when nothing waits. Times are milliseconds since the epoch, sizes are bytes, names are as shown on pages. */
  readonly held: {
    readonly run: number;
    readonly heldAt: number;
    readonly approvedAt: number | null;
    readonly limits: HeldTree['report']['limits'];
    readonly publishedFiles: number;
    readonly deletedFiles: number;
    readonly deletedBytes: number;
    readonly touchedFiles: number;
    readonly folders: readonly FolderChange[];
    readonly deleted: readonly { readonly path: string; readonly size: number }[];
    readonly shrunk: readonly { readonly path: string; readonly before: number; readonly after: number }[];
  } | null;
  /** Why names are left out, as a sentence. */
  readonly closed: string | null;
}

export function heldData(mirror: string, held: HeldTree | null, closed: string | null): HeldData {
  if (!held) return { mirror, held: null, closed };
  const { limits, change, folders, deleted, shrunk } = held.report;
  const isOpen = closed === null;
  const named = <T extends { readonly path: string }>(list: readonly T[]): T[] =>
    isOpen ? list.map((each) => ({ ...each, path: displayName(each.path) })) : [];
  return {
    mirror,
    held: {
      ...{ run: held.runId, heldAt: held.heldAt, approvedAt: held.approvedAt },
      limits: limits.map((limit) =>
        isOpen || limit.rule !== 'max_shrink' ? limit : { ...limit, sentence: 'An index shrank.' },
      ),
      ...{ publishedFiles: change.publishedFiles, deletedFiles: change.deletedFiles },
      ...{ deletedBytes: change.deletedBytes, touchedFiles: change.touchedFiles },
      folders: isOpen ? folders.map((each) => ({ ...each, folder: displayName(each.folder) })) : [],
      ...{ deleted: named(deleted), shrunk: named(shrunk) },
    },
    closed,
  };
}

/** `/status/<mirror>/held`: what the guard holds back, and how it is decided. */
export function renderHeld(frame: PageFrame, status: MirrorStatus, { held, closed }: HeldData): string {
  const { now } = frame;
  const rows = (held?.folders ?? []).map(folderRow);
  return renderView('held', {
    ...frame,
    name: status.name,
    mirrorTitle: status.title,
    status: status.statusPath,
    verdict: verdictView(status.verdict, now),
    closed,
    held: held && {
      run: held.run,
      runHref: `${status.statusPath}/runs/${held.run}`,
      sign: outcomeSign({ outcome: 'held' }),
      time: timeView(held.heldAt, now),
      isApproved: held.approvedAt !== null && isBeingPublished(status),
      limits: held.limits,
      published: formatCount(held.publishedFiles),
      deleted: `${countOf(held.deletedFiles, 'file', 'files')}, ${formatBytes(held.deletedBytes)}`,
      touched: formatCount(held.touchedFiles),
      shrunk: held.shrunk.map(({ path, before, after }) => ({
        ...{ path, before: formatBytes(before), after: formatBytes(after) },
      })),
      files: held.deleted.map(({ path, size }) => ({ path, size: formatBytes(size) })),
      moreFiles: held.deletedFiles > held.deleted.length,
      folders: rows.slice(0, OPEN_FOLDERS),
      moreFolders: rows.slice(OPEN_FOLDERS),
    },
    twins: { json: `${status.statusPath}/held.json` },
  });
}

/** An approval whose run was cancelled or failed publishes nothing. */
function isBeingPublished({ running, queued }: MirrorStatus): boolean {
  return [running, queued].some((run) => run?.trigger === 'approval');
}

function folderRow(each: FolderChange): object {
  return {
    folder: `${each.folder}/`,
    deleted: formatCount(each.deletedFiles),
    bytes: formatBytes(each.deletedBytes),
    added: formatCount(each.addedFiles),
    changed: formatCount(each.changedFiles),
  };
}
