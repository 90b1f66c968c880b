import type { Socket } from 'node:net';
import { formatBytes, formatCount } from '../../core/units.js';
import type { ZoneLimits } from '../../core/zone.js';
import type { Client } from '../clients/client-finder.js';
import type { Admission } from './admission.js';

/** What a client is told of itself. Rates are bytes a second; null is no limit. */
export interface ClientReport {
  readonly address: string | null;
  readonly family: Client['family'];
  /** What limits count by: the address, or its IPv6 network. */
  readonly client: string;
  readonly zone: string;
  readonly throughProxy: boolean;
  readonly limits: ZoneLimits;
  /** Connections now; 0 also where nobody counts them. */
  readonly connections: { readonly client: number; readonly zone: number };
  /** Clients of the zone that download now, among whom its rate is shared; 0 also where it has none. */
  readonly downloading: number;
  /** What to expect at least; null where nothing limits it here. */
  readonly expected: number | null;
  readonly verdict: string;
  /** Mirrors that the zone may not read. */
  readonly closedMirrors: readonly string[];
}

/** Of a client that asks on `socket`. */
export function clientReport(
  client: Client,
  socket: Socket,
  admission: Pick<Admission, 'limitsOf' | 'usage' | 'closedTo'>,
): ClientReport {
  const { address, family, zone, key, isProxied } = client;
  const limits = admission.limitsOf(zone);
  const { connections, zoneConnections, activeClients } = admission.usage(client, socket);
  const share = limits.rate === null ? Infinity : limits.rate / Math.max(1, activeClients);
  const expected = Math.min(share, limits.client.rate ?? Infinity);
  return {
    ...{ address, family, client: key, zone, throughProxy: isProxied, limits },
    connections: { client: connections, zone: zoneConnections },
    downloading: activeClients,
    expected: expected === Infinity ? null : Math.floor(expected),
    verdict: verdictOf(zone, limits, { share, expected, activeClients }),
    closedMirrors: [...admission.closedTo(zone)],
  };
}

/** The limits in words, one a line or a row. */
export function reportFacts(report: ClientReport): { term: string; text: string }[] {
  const { limits, connections } = report;
  const rate = (value: number | null): string => (value === null ? 'no limit' : `${formatBytes(value)}/s`);
  const count = (value: number | null, used: number): string =>
    value === null ? 'no limit' : `${formatCount(value)}, ${formatCount(used)} in use`;
  return [
    { term: 'Address', text: report.address ?? 'none: a Unix socket' },
    { term: 'Family', text: report.family ?? 'none' },
    { term: 'Through a proxy', text: report.throughProxy ? 'yes, one that is trusted here' : 'no' },
    { term: 'Zone', text: report.zone },
    { term: 'Counted as', text: report.client },
    { term: 'Rate for you', text: rate(limits.client.rate) },
    { term: 'Connections for you', text: count(limits.client.connections, connections.client) },
    {
      term: 'Requests for you',
      text: limits.client.requests === null ? 'no limit' : `${formatCount(limits.client.requests)} a second`,
    },
    { term: 'Rate of the zone', text: rate(limits.rate) },
    { term: 'Connections of the zone', text: count(limits.connections, connections.zone) },
    ...(limits.rate === null ? [] : [{ term: 'Clients that download', text: formatCount(report.downloading) }]),
    ...(report.closedMirrors.length === 0 ? [] : [{ term: 'Closed to you', text: report.closedMirrors.join(', ') }]),
  ];
}

export function reportText(report: ClientReport): string {
  return [report.verdict, ...reportFacts(report).map(({ term, text }) => `${term}: ${text}`)].join('\n') + '\n';
}

function verdictOf(
  zone: string,
  limits: ZoneLimits,
  { share, expected, activeClients }: { share: number; expected: number; activeClients: number },
): string {
  if (expected === Infinity) return 'Nothing limits you here: you should get what the network between us carries.';
  const rate = `You should get about ${formatBytes(expected)}/s`;
  if (limits.client.rate !== null && limits.client.rate <= share) return `${rate}: that is what each client may take.`;
  if (activeClients <= 1) return `${rate}: that is the rate of the zone "${zone}", and nobody else downloads now.`;
  return `${rate}: the rate of the zone "${zone}" is shared by ${formatCount(activeClients)} clients now.`;
}
