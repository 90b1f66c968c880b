import { isIPv4, isIPv6 } from 'node:net';

/**
 * What the begin of a connection says by the PROXY protocol (proxy-protocol.txt of HAProxy, versions 1 and 2). `length`
 * are its bytes; `source` is null where the connection is the proxy's own, or it does not know whose it is.
 */
export type ProxyHeader =
  | { readonly kind: 'more' }
  | { readonly kind: 'broken' }
  | { readonly kind: 'whole'; readonly length: number; readonly source: ProxySource | null };

export interface ProxySource {
  readonly address: string;
  readonly port: number;
}

/** Section 2.1: the longest line of version 1, with its CRLF. */
const LONGEST_LINE = 107;
/** Section 2.2. */
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const FIXED_BYTES = 16;
/** Addresses and all that a proxy may add (certificates of clients are the largest); more is refused. */
const LONGEST_REST = 4096;
/** More bytes are never needed to know. */
export const LONGEST_PROXY_HEADER = FIXED_BYTES + LONGEST_REST;

const MORE: ProxyHeader = { kind: 'more' };
const BROKEN: ProxyHeader = { kind: 'broken' };

/** Reads the header that `bytes` begin with. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  const begin = bytes.subarray(0, SIGNATURE.length);
  if (begin.equals(SIGNATURE.subarray(0, begin.length))) return bytes.length < FIXED_BYTES ? MORE : readBinary(bytes);
  return readLine(bytes);
}

function readLine(bytes: Buffer): ProxyHeader {
  const text = bytes.toString('latin1', 0, LONGEST_LINE);
  const end = text.indexOf('\r\n');
  if (!text.startsWith('PROXY '.slice(0, text.length))) return BROKEN;
  if (end < 0) return text.length < LONGEST_LINE ? MORE : BROKEN;
  const length = end + 2;
  const [, family, ...words] = text.slice(0, end).split(' ');
  if (family === 'UNKNOWN') return { kind: 'whole', length, source: null };
  const [address = '', destination = '', port = '', destinationPort = '', ...more] = words;
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIPv6 : () => false;
  const isRight = isAddress(address) && isAddress(destination) && isPort(port) && isPort(destinationPort);
  return isRight && more.length === 0 ? { kind: 'whole', length, source: { address, port: Number(port) } } : BROKEN;
}

function readBinary(bytes: Buffer): ProxyHeader {
  const version = bytes.readUInt8(12) >> 4;
  const command = bytes.readUInt8(12) & 0xf;
  const family = bytes.readUInt8(13) >> 4;
  const rest = bytes.readUInt16BE(14);
  if (version !== 2 || command > 1 || rest > LONGEST_REST) return BROKEN;
  const length = FIXED_BYTES + rest;
  if (bytes.length < length) return MORE;
  const source = command === 0 ? null : sourceOf(family, bytes.subarray(FIXED_BYTES, length));
  return source === undefined ? BROKEN : { kind: 'whole', length, source };
}

/** Null for families without an address of the network (unspecified, Unix); undefined where it is cut short. */
function sourceOf(family: number, block: Buffer): ProxySource | null | undefined {
  if (family === 1)
    return block.length < 12
      ? undefined
      : { address: [...block.subarray(0, 4)].join('.'), port: block.readUInt16BE(8) };
  if (family !== 2) return family === 0 || family === 3 ? null : undefined;
  if (block.length < 36) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => block.readUInt16BE(2 * index).toString(16));
  return { address: groups.join(':'), port: block.readUInt16BE(32) };
}

function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}
