import type { ListedFile, ListRequest, ListResult } from '../tree-upstream.js';
import { listArguments } from './arguments.js';
import { failureOf, isMissing } from './exit-codes.js';
import { lineSplitter } from './output.js';
import { PROBE_TIMEOUT_MS } from './probe.js';
import { runRsync } from './rsync.js';

const MOST_FILES = 100;

/** Lists the files of one folder of the upstream that match one of the patterns. */
export async function list(request: ListRequest): Promise<ListResult> {
  const files: ListedFile[] = [];
  const end = await runRsync(request, listArguments(request, request.folder, request.patterns), {
    timeoutMs: PROBE_TIMEOUT_MS,
    onStdout: lineSplitter((line) => {
      const file = parseListed(line);
      if (file && files.length < MOST_FILES) files.push(file);
    }),
  });
  if (end.endedBecause !== null) {
    const message = `Upstream did not list its files: ${end.endedBecause}.`;
    return { ok: false, failure: 'timeout', message, exitCode: end.code };
  }
  if (end.code === 0 || isMissing(end)) return { ok: true, files };
  return { ok: false, ...failureOf(end), exitCode: end.code };
}

// "-rw-r--r--          1,234 2026/11/25 12:00:00 name"; the time is UTC, since children have that zone
const LISTED = /^-\S{9}\S* +([\d,]+) (\d{4})\/(\d\d)\/(\d\d) (\d\d:\d\d:\d\d) (.+)$/;

/** Reads one line of `--list-only`; undefined for what is no file. */
export function parseListed(line: string): ListedFile | undefined {
  const [, size = '', year, month, day, time, name = ''] = LISTED.exec(line) ?? [];
  if (year === undefined) return undefined;
  const modifiedAt = Date.parse(`${year}-${month}-${day}T${time}Z`);
  return Number.isNaN(modifiedAt) ? undefined : { name, size: Number(size.replaceAll(',', '')), modifiedAt };
}
