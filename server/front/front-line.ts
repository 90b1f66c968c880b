import { isIP } from 'node:net';
import type { Transfer } from '../../core/traffic.js';
import { parseTreePath } from '../../core/tree-path.js';

/** What a server before this one logs of a request that it answered itself (nginx.ts, `log_format millpond`). */
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
    const found = JSON.parse(line) as Partial<FrontLine> | null;
    return isFrontLine(found) ? found : undefined;
  } catch {
    return undefined; // torn, or of another format
  }
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
