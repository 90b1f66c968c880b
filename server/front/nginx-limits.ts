import type { Zone, ZoneLimits } from '../../core/zone.js';

export interface NginxLimits {
  /** For `http`. */
  readonly zones: string;
  /** For each location that serves files. */
  readonly inLocation: readonly string[];
}

/** Most that nginx can be told of it: it knows no rate of a zone, and the rate of a client holds for each connection. */
export function nginxLimits(zones: Iterable<Zone>): NginxLimits {
  const limited = [...zones];
  const zoneLines: string[] = [];
  const inLocation: string[] = [];
  const add = (index: number, what: string, key: string, zone: Zone): string => {
    const variable = `$millpond_${what}_${index}`;
    zoneLines.push(`map $millpond_zone ${variable} { default ""; "${zone.name}" ${key}; }`);
    return variable;
  };
  limited.forEach((zone, index) => {
    const { connections, client } = zone.limits;
    if (connections !== null) {
      const variable = add(index, 'all', '"all"', zone);
      zoneLines.push(`limit_conn_zone ${variable} zone=millpond_all_${index}:1m;`);
      inLocation.push(`limit_conn millpond_all_${index} ${connections};`);
    }
    if (client.connections !== null) {
      const variable = add(index, 'client', '$millpond_client', zone);
      zoneLines.push(`limit_conn_zone ${variable} zone=millpond_client_${index}:10m;`);
      inLocation.push(`limit_conn millpond_client_${index} ${client.connections};`);
    }
    if (client.requests !== null) {
      const variable = add(index, 'requests', '$millpond_client', zone);
      zoneLines.push(`limit_req_zone ${variable} zone=millpond_requests_${index}:10m rate=${client.requests}r/s;`);
      inLocation.push(`limit_req zone=millpond_requests_${index} burst=${client.requests} nodelay;`);
    }
  });
  const rates = limited.filter(({ limits }) => rateOf(limits) !== null);
  if (rates.length > 0) {
    const lines = rates.map(({ name, limits }) => `"${name}" ${rateOf(limits)};`);
    zoneLines.push(`map $millpond_zone $millpond_rate { default 0; ${lines.join(' ')} }`);
    inLocation.push('limit_rate $millpond_rate;');
  }
  if (zoneLines.length === 0) return { zones: '', inLocation };
  const client =
    'map $binary_remote_addr $millpond_client { default $binary_remote_addr; "~^(?s)(?<millpond_net>.{8}).{8}$" $millpond_net; }';
  return {
    zones: ['# a client is an IPv4 address or an IPv6 network of 64 bits', client, ...zoneLines].join('\n'),
    inLocation: [...inLocation, 'limit_conn_status 429;', 'limit_req_status 429;'],
  };
}

/** Bytes a second of one connection. */
function rateOf({ rate, client }: ZoneLimits): number | null {
  return client.rate ?? rate;
}
