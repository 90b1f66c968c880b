import { createHash } from 'node:crypto';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const MIRROR = 'debian';

export interface SiteFile {
  /** Of its URL. */
  readonly path: string;
  readonly content: Buffer;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/** 2026-01-02T03:04:05Z. */
export const FILE_TIME = Date.UTC(2026, 0, 2, 3, 4, 5);
/** Further ahead than any test lasts. */
const FUTURE = Date.UTC(2090, 0, 1);

/** Answered from memory where anything is. */
export const DIGITS = file('pool/digits', Buffer.from('0123456789'));
/** More than is kept of one file. */
export const LARGE = file('pool/large.iso', bytes(300_000));
export const EMPTY = file('pool/empty.deb', Buffer.alloc(0));
export const ARCHIVE = file('pool/archive.tar.gz', bytes(2_000));
export const PAGE = file('pool/page.html', Buffer.from('<p>page</p>'));
export const INDEX = file('dists/stable/InRelease', Buffer.from('Suite: stable'));
export const AHEAD = { ...file('pool/ahead.deb', Buffer.from('from the future')), time: FUTURE };
export const FILES: readonly SiteFile[] = [DIGITS, LARGE, EMPTY, ARCHIVE, PAGE, INDEX, AHEAD];
/** Files with bytes, on each road that bytes take. */
export const WITH_BYTES = [DIGITS, LARGE];

export const FOLDER = `/${MIRROR}/pool/`;
export const FOLDER_WITHOUT_SLASH = `/${MIRROR}/pool`;
export const ABSENT = `/${MIRROR}/pool/absent`;

/** Writes all of them below the folder of the mirror. */
export function writeSite(root: string): void {
  for (const { path, content, time } of FILES) writeSiteFile(root, path.slice(MIRROR.length + 2), content, time);
}

export function writeSiteFile(root: string, path: string, content: Buffer | string, time: number): void {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, content);
  utimesSync(target, time / 1000, time / 1000);
}

function file(path: string, content: Buffer): SiteFile {
  return { path: `/${MIRROR}/${path}`, content, time: FILE_TIME };
}

/** The same ones each time, and no two places alike. */
function bytes(length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, index) =>
    createHash('sha256').update(`block ${index}`).digest(),
  );
  return Buffer.concat(blocks, length);
}
