import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';
import type { AccessLogSettings } from '../config/settings.js';
import type { Family, Protocol } from '../core/traffic.js';

/** One answer as it is logged. What clients say of themselves is as they sent it. */
export interface AccessEntry {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Null where the client came through a Unix socket. */
  readonly address: string | null;
  readonly zone: string;
  readonly family: Family;
  readonly protocol: Protocol;
  readonly method: string;
  readonly target: string;
  /** As `1.1`. */
  readonly version: string;
  readonly status: number;
  /** Of the body, as they left. */
  readonly bytes: number;
  readonly referer: string | undefined;
  readonly agent: string | undefined;
}

/** One line with its end: the combined format of Apache and nginx, or a JSON object. Whatever a client sends, it is one line. */
export function accessLine(entry: AccessEntry, { format, addresses }: Omit<AccessLogSettings, 'file'>): string {
  const address = shownAddress(entry.address, addresses);
  if (format === 'json') return jsonLine(entry, address);
  const { at, method, target, version, status, bytes, referer = '-', agent = '-' } = entry;
  const request = `${escaped(method)} ${escaped(target)} HTTP/${version}`;
  return `${address ?? '-'} - - [${clockTime(at)}] "${request}" ${status} ${bytes} "${escaped(referer)}" "${escaped(agent)}"\n`;
}

function jsonLine({ at, ...facts }: AccessEntry, address: string | null): string {
  return `${JSON.stringify({ time: new Date(at).toISOString(), ...facts, address })}\n`;
}

/** Reading an address costs more than all the rest of a line, and most lines are of a few clients. */
const shown = {
  truncated: new LRUCache<string, string>({ max: 4096 }),
  full: new LRUCache<string, string>({ max: 4096 }),
};

function shownAddress(address: string | null, addresses: AccessLogSettings['addresses']): string | null {
  if (address === null || addresses === 'none') return null;
  const known = shown[addresses].get(address);
  if (known !== undefined) return known || null;
  const text = readAddress(address, addresses);
  shown[addresses].set(address, text);
  return text || null;
}

/** Empty where it is none. */
function readAddress(address: string, addresses: 'truncated' | 'full'): string {
  if (!ipaddr.isValid(address)) return '';
  const parsed = ipaddr.process(address);
  if (addresses === 'full') return parsed.toString();
  const network =
    parsed instanceof ipaddr.IPv4
      ? ipaddr.IPv4.networkAddressFromCIDR(`${parsed.toString()}/24`)
      : ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/48`);
  return network.toString();
}

/** As nginx does: quotes, backslashes and all that is not printable ASCII as `\xHH`, so that nobody forges a line. */
function escaped(text: string): string {
  return text.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, hexOf);
}

function hexOf(character: string): string {
  return Buffer.from(character, character > '\xff' ? 'utf8' : 'latin1')
    .toString('hex')
    .replace(/../g, (byte) => `\\x${byte.toUpperCase()}`);
}

/** The seconds of a line are mostly those of the line before. */
const lastClock = { second: -1, text: '' };

/** As `23/Nov/2026:14:02:05 +0000`. */
function clockTime(at: number): string {
  const second = Math.floor(at / 1000);
  if (second === lastClock.second) return lastClock.text;
  const [, day, month, year, clock] = new Date(at).toUTCString().split(' ');
  lastClock.second = second;
  lastClock.text = `${day}/${month}/${year}:${clock} +0000`;
  return lastClock.text;
}
