import { isIP } from 'node:net';
import type { ForwardingHeader } from '../../core/zone.js';

/** Of longer ones the end is read: a client may send what it likes, and each proxy adds one address behind it. */
const LONGEST = 4096;

/**
 * The addresses that a forwarding field names, the nearest last; undefined for one that is no address (`unknown`, a
 * hidden name, nonsense). Undefined in all when nobody can tell where one of them ends.
 */
export function forwardedAddresses(header: ForwardingHeader, value: string): (string | undefined)[] | undefined {
  if (header === 'x-forwarded-for')
    return value
      .slice(-LONGEST)
      .split(',')
      .map((each) => nodeAddress(each.trim()));
  return value.length > LONGEST ? undefined : splitOutside(value, ',')?.map(forOf);
}

/** The `for` of one element of a Forwarded field (RFC 7239 section 4). */
function forOf(element: string): string | undefined {
  const pairs = splitOutside(element, ';')?.map((pair) => /^for\s*=\s*(.*)$/is.exec(pair.trim())?.[1]) ?? [];
  const [value, ...more] = pairs.filter((each) => each !== undefined);
  if (value === undefined || more.length > 0) return undefined;
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(value)?.[1];
  return nodeAddress(quoted === undefined ? value : quoted.replace(/\\(.)/g, '$1'));
}

/** An address with or without a port: `192.0.2.1:80`, `[2001:db8::1]:80`, and as proxies also write it, `2001:db8::1`. */
function nodeAddress(text: string): string | undefined {
  const [, inBrackets, withPort] = /^(?:\[([^\]]+)\](?::\w+)?|([^:]+):\w+)$/.exec(text) ?? [];
  if (inBrackets !== undefined) return isIP(inBrackets) === 6 ? plain(inBrackets) : undefined;
  const address = withPort ?? text;
  return isIP(address) === 0 || (withPort !== undefined && isIP(withPort) !== 4) ? undefined : plain(address);
}

/** One with a zone of interfaces (`fe80::1%eth0`) is known to its own machine only. */
function plain(address: string): string | undefined {
  return address.includes('%') ? undefined : address;
}

/**
 * Splits at a separator that is not within a quoted string (RFC 9110 section 5.6.4). Undefined where such a string does
 * not end: a client that begins one would hide in it what its proxy adds.
 */
function splitOutside(text: string, separator: ',' | ';'): string[] | undefined {
  const parts: string[] = [];
  let begin = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isQuoted && character === '\\') at++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === separator && !isQuoted) {
      parts.push(text.slice(begin, at));
      begin = at + 1;
    }
  }
  return isQuoted ? undefined : [...parts, text.slice(begin)];
}
