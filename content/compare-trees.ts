import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { MillpondError } from '../core/errors.js';
import { startChild } from '../platform/child.js';
import { CHANGE_FORMAT } from './change-list.js';

/** What each record of a list begins with. rsync tells of a comparison on its standard output only, without it. */
const STAMP = '1970/01/01 00:00:00 [1] ';

export interface CompareOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Bytes that the changes may take as a list. */
  readonly most: number;
}

/**
 * Gives the changes that lead from the tree `from` to the tree `to` to `onRecords`, as records of a list that a pull
 * would have made: by size and time of each file, in a process of its own.
 * @throws MillpondError conflict (they differ in too much), internal; the signal's reason
 */
export async function compareTrees(
  from: string,
  to: string,
  onRecords: (records: string[]) => void,
  { env, signal, most }: CompareOptions,
): Promise<void> {
  signal?.throwIfAborted();
  let rest = '';
  let bytes = 0;
  const child = startChild('rsync', compareArguments(from, to), {
    ...(env ? { env } : {}),
    onStdout(chunk) {
      bytes += chunk.length;
      if (bytes > most) return void child.end('the trees differ in too much');
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      onRecords(lines.map((line) => STAMP + line));
    },
  });
  const onAbort = (): void => void child.end('was no longer wanted', 2_000);
  signal?.addEventListener('abort', onAbort, { once: true });
  const end = await child.ended;
  signal?.removeEventListener('abort', onAbort);
  signal?.throwIfAborted();
  if (bytes > most)
    throw new MillpondError('conflict', `the trees differ in more than a list of ${most} bytes can tell`);
  if (end.code !== 0)
    throw new MillpondError('internal', `comparing "${from}" with "${to}" failed: ${end.stderr.split('\n')[0] ?? ''}`);
}

/** The same as a list of changes at `list`, which is there whole or not at all. */
export async function listComparison(from: string, to: string, list: string, options: CompareOptions): Promise<void> {
  const file = createWriteStream(`${list}.new`, { encoding: 'latin1' });
  const written = finished(file);
  written.catch(() => undefined); // told below
  try {
    await compareTrees(from, to, (records) => void file.write(records.map((each) => `${each}\n`).join('')), options);
  } finally {
    file.end();
  }
  await written;
  await rename(`${list}.new`, list);
}

/** Files that share their bytes are equal; hard links within a tree are looked at one by one. */
function compareArguments(from: string, to: string): string[] {
  return [
    ...['--recursive', '--links', '--times', '--modify-window=-1', '--dry-run', '--delete', '--omit-dir-times'],
    ...['--8-bit-output', `--out-format=${CHANGE_FORMAT}`, '--', `${to}/`, `${from}/`],
  ];
}
