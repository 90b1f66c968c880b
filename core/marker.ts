import { createHash } from 'node:crypto';
import type { MarkerParser, MarkerRule } from './mirror.js';

/** What an upstream's marker said. Two markers are equal when their values are. */
export interface Marker {
  /** What is compared: the text of a short marker, what its parser takes from it, or `sha256:` and a digest. */
  readonly value: string;
  /** The time in it, milliseconds since the epoch, or null when it tells none. */
  readonly time: number | null;
}

/** A marker as it was found. */
export interface MarkerFile {
  readonly content: Buffer;
  /** When it was changed, as the upstream says it; milliseconds since the epoch, or null when it does not. */
  readonly modifiedAt: number | null;
}

/** Bytes that a marker has at the most. */
export const LARGEST_MARKER = 1024 * 1024;
const SHORT = 200;
const LINES_LOOKED_AT = 50;

/** What is taken of a marker for the comparison, and its time. */
interface Reading {
  readonly value?: string | undefined;
  readonly time: number | null;
}

const READERS: Readonly<Record<MarkerParser, (text: string, file: MarkerFile, field: string | null) => Reading>> = {
  epoch: (text) => ({ time: epochTime(text) }),
  'date-line': (text) => ({ time: firstTime(text.split('\n').slice(0, LINES_LOOKED_AT).map(withoutDateKey)) }),
  date: (text) => ({ time: dateTime(firstLine(text)) }),
  trace: traceReading,
  'key-date': (text, _, field) => ({ time: dateTime(valueOf(text, field ?? 'date')) }),
  'utc-dashes': (text) => ({ time: dashesTime(text.trimEnd().split('\n').at(-1) ?? '') }),
  'last-modified': (_, { modifiedAt }) => ({ value: isoTime(modifiedAt), time: modifiedAt }),
  json: (text, _, field) => jsonReading(text, field ?? ''),
  text: () => ({ time: null }),
};

/** Reads a marker by its rule. What cannot be read has no time, and is compared by its bytes. */
export function readMarker(file: MarkerFile, { parser, field }: Pick<MarkerRule, 'parser' | 'field'>): Marker {
  const { value, time } = READERS[parser](file.content.toString('utf8'), file, field);
  return { value: value ?? contentValue(file.content), time };
}

function contentValue(content: Buffer): string {
  const short = content.toString('utf8').trim();
  const printable = short.length <= SHORT && /^[\t\n\r -~]*$/.test(short);
  return printable ? short : `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** The first token as whole seconds since the epoch (Arch `lastupdate`, Alpine `last-updated`, CentOS `TIME`, ...). */
function epochTime(text: string): number | null {
  const token = /^\s*(\d{1,12})\b/.exec(text)?.[1];
  return token === undefined ? null : Number(token) * 1000;
}

/** A zone behind the time of day; without one, the date is read as UTC and not as the time of this machine. */
const ZONE = /\d:\d\d.*(?:Z|[A-Z]{3}|[A-Z]{2,4}T|[+-]\d\d(?::?\d\d)?)\b/;

/** A date with a time of day in any form that is in use: RFC 5322, that of date(1), ISO 8601. */
function dateTime(text: string): number | null {
  const date = text.trim().replace(/\s+/g, ' ');
  if (date.length > SHORT || !/\d{4}/.test(date) || !/\d:\d\d/.test(date)) return null;
  const time = Date.parse(ZONE.test(date) ? date : `${date}${/\dT\d/.test(date) ? 'Z' : ' UTC'}`);
  return Number.isNaN(time) ? null : time;
}

function firstTime(lines: readonly string[]): number | null {
  for (const line of lines) {
    const time = dateTime(line);
    if (time !== null) return time;
  }
  return null;
}

/** The value of a line `Date: ...` (Debian `project/trace/master`, Release files), else the line. */
function withoutDateKey(line: string): string {
  return line.replace(/^date:/i, '');
}

function firstLine(text: string): string {
  return text.trimStart().split('\n', 1)[0] ?? '';
}

/**
 * A trace of Debian's ftpsync: a date, then fields (README of ftpsync, "Mirror trace files"). Two are of the same
 * archive when their `Archive serial` is the same, whoever has written them and when.
 */
function traceReading(text: string): Reading {
  const serial = /^Archive serial:[ \t]*(\d{1,20})[ \t]*$/im.exec(text)?.[1];
  const value = serial === undefined ? undefined : `${SERIAL}${serial}`;
  return { value, time: dateTime(/^Date:(.*)$/im.exec(text)?.[1] ?? '') ?? dateTime(firstLine(text)) };
}

const SERIAL = 'Archive serial: ';

/**
 * How many updates lie between two values that are serials of Debian's archive, a day and the number of the update on
 * that day (`2016022802`); null where only the values in between could tell.
 */
export function updatesBetween(older: string, newer: string): number | null {
  const [from, to] = [older, newer].map((value) => /^Archive serial: (\d{8})(\d\d)$/.exec(value));
  if (!from || !to || from[1] !== to[1]) return null;
  return Math.max(0, Number(to[2]) - Number(from[2]));
}

/** The value of the first line `key=value` (Manjaro `state`). */
function valueOf(text: string, key: string): string {
  for (const line of text.split('\n').slice(0, LINES_LOOKED_AT)) {
    const at = line.indexOf('=');
    if (at > 0 && line.slice(0, at).trim() === key) return line.slice(at + 1);
  }
  return '';
}

/** `2021-04-03-02-50`, UTC (CTAN `timestamp`). */
function dashesTime(line: string): number | null {
  const [, date, hour, minute] = /^\s*(\d{4}-\d\d-\d\d)-(\d\d)-(\d\d)\s*$/.exec(line) ?? [];
  const time = Date.parse(`${date}T${hour}:${minute}Z`);
  return Number.isNaN(time) ? null : time;
}

function isoTime(time: number | null): string | undefined {
  return time === null ? undefined : new Date(time).toISOString();
}

/** What stands at `field`, `meta.Producers.time`: seconds since the epoch, or a date (CPAN `RECENT-1h.json`). */
function jsonReading(text: string, field: string): Reading {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return { time: null };
  }
  for (const name of field.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return { time: null };
    found = (found as Record<string, unknown>)[name];
  }
  if (typeof found !== 'number' && typeof found !== 'string') return { time: null };
  const value = String(found).slice(0, SHORT);
  const isEpoch = /^\d{1,12}(?:\.\d{1,12})?$/.test(value);
  return { value, time: isEpoch ? Math.floor(Number(value) * 1000) : dateTime(value) };
}
