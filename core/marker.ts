import { createHash } from 'node:crypto';
import type { MarkerParser } from './mirror.js';

/** What an upstream's marker said. Two markers are equal when their values are. */
export interface Marker {
  /** The text of a short marker, else `sha256:` and the digest of its bytes. */
  readonly value: string;
  /** The time in it, milliseconds since the epoch, or null when it tells none. */
  readonly time: number | null;
}

const SHORT = 200;

export function readMarker(content: Buffer, parser: MarkerParser): Marker {
  const text = content.toString('utf8');
  const short = text.trim();
  const printable = short.length <= SHORT && /^[\t\n\r -~]*$/.test(short);
  const value = printable ? short : `sha256:${createHash('sha256').update(content).digest('hex')}`;
  return { value, time: markerTime(text, parser) };
}

function markerTime(text: string, parser: MarkerParser): number | null {
  switch (parser) {
    case 'epoch':
      return epochTime(text);
    case 'date-line':
      return dateLineTime(text);
    case 'text':
      return null;
  }
}

/** The first token as whole seconds since the epoch (Arch `lastupdate`, Alpine `last-updated`, ...). */
function epochTime(text: string): number | null {
  const token = /^\s*(\d{1,12})\b/.exec(text)?.[1];
  return token === undefined ? null : Number(token) * 1000;
}

/** A zone behind the time of day; without one, the date is read as UTC and not as the time of this machine. */
const ZONE = /\d:\d\d.*(?:Z|[A-Z]{3}|[A-Z]{2,4}T|[+-]\d\d(?::?\d\d)?)\b/;

/** The first line that is a date, with or without `Date:` before it (Debian `project/trace/*`, Release files). */
function dateLineTime(text: string): number | null {
  for (const line of text.split('\n').slice(0, 50)) {
    const date = line.replace(/^date:/i, '').trim();
    if (!/\d{4}/.test(date) || !/\d:\d\d/.test(date)) continue;
    const time = Date.parse(ZONE.test(date) ? date : `${date}${/\dT\d/.test(date) ? 'Z' : ' UTC'}`);
    if (!Number.isNaN(time)) return time;
  }
  return null;
}
