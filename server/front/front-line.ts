import { isIP } from 'node:net';
import type { Transfer } from '../../core/traffic.js';
import { parseTreePath } from '../../core/tree-path.js';

/** What nginx logs of a request that it answered itself (nginx.ts, `log_format millpond`). */
interface FrontLine {
  /** Seconds since the epoch, UTC. */
  readonly at: number;
  readonly address: string;
  readonly scheme: string;
  readonly status: number;
  /** Of the body. */
  readonly bytes: number;
  /** As it was asked for. */
  readonly target: string;
  readonly agent: string;
}

/** The same of Caddy (its access log as JSON). */
interface CaddyLine {
  readonly ts: number;
  readonly status: number;
  readonly size: number;
  readonly request: {
    readonly remote_ip: string;
    readonly uri: string;
    readonly tls?: object;
    readonly headers: { readonly 'User-Agent'?: readonly string[] };
  };
}

/** What was sent, without the zone of its client; undefined for a line that is none of a published tree. */
export type FrontTransfer = Omit<Transfer, 'zone'> & { readonly address: string };

/** Reads one line; `now` in milliseconds, which nothing that was logged can be after. */
export function parseFrontLine(line: string, now: number): FrontTransfer | undefined {
  const found = parse(line);
  if (!found) return undefined;
  const { address, scheme, status, bytes, target, agent } = found;
  const parsed = parseTreePath(target.split('?')[0] ?? '');
  if (!('path' in parsed)) return undefined;
  const [mirror, ...path] = parsed.path.segments;
  if (mirror === undefined) return undefined;
  return {
    ...{ mirror, address, status, bytes },
    ...(agent === '' ? {} : { agent }),
    family: isIP(address) === 6 ? 'v6' : isIP(address) === 4 ? 'v4' : 'local',
    protocol: scheme === 'https' ? 'https' : 'http',
    path: (status === 200 || status === 206) && path.length > 0 ? path : null,
    at: Math.min(found.at * 1000, now),
  };
}

function parse(line: string): FrontLine | undefined {
  try {
    const read = JSON.parse(line) as Partial<FrontLine> | CaddyLine | null;
    const found = read && 'request' in read ? ofCaddy(read) : read;
    return isFrontLine(found) ? found : undefined;
  } catch {
    return undefined; // torn, or of another format
  }
}

/** Throws a TypeError where it is no such line. */
function ofCaddy({ ts, status, size, request }: CaddyLine): Partial<FrontLine> {
  const { remote_ip: address, uri: target, tls, headers } = request;
  const scheme = tls ? 'https' : 'http';
  return { at: ts, address, scheme, status, bytes: size, target, agent: headers['User-Agent']?.[0] ?? '' };
}

function isFrontLine(found: Partial<FrontLine> | null): found is FrontLine {
  if (typeof found !== 'object' || found === null) return false;
  const { at, status, bytes, address, scheme, target, agent } = found;
  const isNumber = (value: unknown): boolean => typeof value === 'number' && value >= 0;
  return (
    [at, bytes].every(isNumber) &&
    [address, scheme, target, agent].every((value) => typeof value === 'string') &&
    Number.isInteger(status) &&
    Number(status) >= 100 &&
    Number(status) <= 599
  );
}
