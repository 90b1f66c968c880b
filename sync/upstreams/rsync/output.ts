import type { PullNumbers, PullProgress } from '../tree-upstream.js';

// "  3000003  99%  408.72MB/s    0:00:00 (xfr#7, to-chk=0/12)", rsync --info=progress2 --no-human-readable
const PROGRESS =
  /^\s*([\d,]+)\s+(\d+)%\s+([\d.]+)([kMGT]?)B\/s\s+(?:(\d+):(\d\d):(\d\d)|\?\?:\?\?:\?\?)(?:\s+\(xfr#(\d+), (?:ir|to)-chk=(\d+)\/(\d+)\))?/;
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/** Reads one line of `--info=progress2`; undefined for anything else. What rsync leaves out is kept from `last`. */
export function parseProgress(line: string, last: PullProgress): PullProgress | undefined {
  const match = PROGRESS.exec(line);
  if (!match) return undefined;
  const [, bytes = '0', percent = '0', rate = '0', unit = '', hours, minutes, seconds, files, toCheck, known] = match;
  // over 9999 hours rsync prints question marks
  const clock = hours === undefined ? null : Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return {
    bytes: Number(bytes.replaceAll(',', '')),
    percent: Number(percent),
    rate: Math.round(Number(rate) * (UNITS[unit] ?? 1)),
    eta: files === undefined ? clock : remaining(clock, Number(percent)),
    files: files === undefined ? last.files : Number(files),
    toCheck: toCheck === undefined ? last.toCheck : Number(toCheck),
    known: known === undefined ? last.known : Number(known),
  };
}

/** With a count in brackets, the clock shows the seconds that have passed. */
function remaining(passed: number | null, percent: number): number | null {
  return passed === null || percent === 0 ? null : Math.round((passed * (100 - percent)) / percent);
}

export const NO_PROGRESS: PullProgress = {
  files: 0,
  bytes: 0,
  rate: 0,
  percent: 0,
  toCheck: 0,
  known: 0,
  eta: null,
};

export const NO_PULL_NUMBERS: PullNumbers = {
  transferredFiles: 0,
  transferredBytes: 0,
  receivedBytes: 0,
  totalFiles: 0,
  totalBytes: 0,
};

const STATISTICS: readonly { line: RegExp; field: keyof PullNumbers }[] = [
  { line: /^Number of files: [\d,]+ \(reg: ([\d,]+)/, field: 'totalFiles' },
  { line: /^Number of regular files transferred: ([\d,]+)/, field: 'transferredFiles' },
  { line: /^Total file size: ([\d,]+) bytes/, field: 'totalBytes' },
  { line: /^Total transferred file size: ([\d,]+) bytes/, field: 'transferredBytes' },
  { line: /^Total bytes received: ([\d,]+)/, field: 'receivedBytes' },
];

/** Reads one line of `--stats` into the numbers; any other line leaves them as they are. */
export function addStatistic(line: string, numbers: PullNumbers): PullNumbers {
  for (const { line: pattern, field } of STATISTICS) {
    const value = pattern.exec(line)?.[1];
    if (value !== undefined) return { ...numbers, [field]: Number(value.replaceAll(',', '')) };
  }
  return numbers;
}

/** Whether a line is of `--stats`: its numbers are recorded, and the log need not repeat them. */
export function isStatistic(line: string): boolean {
  return /^(?:Number of|Total|Literal data|Matched data|File list|sent [\d,]+ bytes|total size is)\b/.test(line);
}

const MAX_LINE = 16 * 1024;

/** Cuts a stream of bytes into lines; progress lines end with a carriage return. Over-long lines are cut off. */
export function lineSplitter(onLine: (line: string) => void): (chunk: Buffer) => void {
  let rest = '';
  return (chunk) => {
    const lines = (rest + chunk.toString('utf8')).split(/[\r\n]/);
    rest = (lines.pop() ?? '').slice(0, MAX_LINE);
    for (const line of lines) if (line.trim() !== '') onLine(line);
  };
}
