import type { TraceRule } from './mirror.js';

/** Paths below the root of a tree that the mirror writes itself. */
export function ownFilesOf({ kind, path, host }: TraceRule): string[] {
  if (kind === 'epoch') return [path];
  if (kind === 'date') return [`${path}/${host}`];
  return [host, HIERARCHY, HIERARCHY_FOR_OTHERS, LIST].map((name) => `${path}/${name}`);
}

/** The mirrors between the archive and this one, a line each; and its copy, which mirrors of this one fetch. */
export const HIERARCHY = '_hierarchy';
export const HIERARCHY_FOR_OTHERS = '_hierarchy.mirror';
/** Names of all trace files, the oldest first. */
export const LIST = '_traces';

/** What a trace file tells. Times are milliseconds since the epoch, durations seconds. */
export interface TraceFacts {
  readonly finishedAt: number;
  readonly startedAt: number;
  /** Of the archive's own trace file; null where there is none, or it names none. */
  readonly serial: string | null;
  /** Name and version of this program. */
  readonly creator: string;
  /** The machine's own name, never one of a rotation. */
  readonly host: string;
  readonly maintainer: string | null;
  readonly trigger: string;
  /** As far as the tree has them. */
  readonly architectures: readonly string[];
  readonly upstream: string;
  readonly transport: string;
  readonly receivedBytes: number;
  /** Of the stages, in order; those after the first count as the second. */
  readonly stageSeconds: readonly number[];
}

/**
 * The trace file of a Debian mirror: a date as date(1) writes it, then fields (README of ftpsync, "Mirror trace files").
 */
export function traceText(facts: TraceFacts): string {
  const [first = 0, ...others] = facts.stageSeconds.map((seconds) => Math.round(seconds));
  const second = others.reduce((sum, each) => sum + each, 0);
  const total = first + second;
  const fields: readonly (readonly [string, string | number | null])[] = [
    ['Date', rfcDate(facts.finishedAt)],
    ['Date-Started', rfcDate(facts.startedAt)],
    ['Archive serial', facts.serial],
    ['Creator', facts.creator],
    ['Running on host', facts.host],
    ['Maintainer', facts.maintainer],
    ['Trigger', facts.trigger],
    ['Architectures', facts.architectures.join(' ') || null],
    ['Upstream-mirror', facts.upstream],
    ['Rsync-Transport', facts.transport],
    ['Total bytes received in rsync', facts.receivedBytes || null],
    ['Total time spent in stage1 rsync', first],
    ['Total time spent in stage2 rsync', second],
    ['Total time spent in rsync', total],
    ['Average rate', total > 0 ? `${Math.floor(facts.receivedBytes / total)} B/s` : null],
  ];
  const lines = fields.flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]));
  return [dateText(facts.finishedAt), ...lines, ''].join('\n');
}

/** `Sun Feb  7 09:40:29 UTC 2016`, as date(1) writes it in the POSIX locale. */
export function dateText(time: number): string {
  const [, weekday = '', day = '', month = '', year = '', clock = ''] =
    /^(\w+), (\d\d) (\w+) (\d{4}) (\S+) GMT$/.exec(new Date(time).toUTCString()) ?? [];
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${clock} UTC ${year}`;
}

/** `Sun, 28 Feb 2016 09:40:29 +0000` (RFC 5322). */
function rfcDate(time: number): string {
  return new Date(time).toUTCString().replace(/GMT$/, '+0000');
}
