/** Where a client is: what it may cause, read and use is decided by that. */
export interface Zone {
  readonly name: string;
  /** Addresses in CIDR notation, as `192.0.2.0/24` and `2001:db8::/32`; none for the zone `public`. */
  readonly networks: readonly string[];
  readonly limits: ZoneLimits;
}

/** What the clients of a zone may use; null is no limit. */
export interface ZoneLimits {
  /** Bytes a second of all together. */
  readonly rate: number | null;
  /** Connections of all together. */
  readonly connections: number | null;
  readonly client: ClientLimits;
}

/** What each client may use, which is an IPv4 address or an IPv6 network of 64 bits; null is no limit. */
export interface ClientLimits {
  /** Bytes a second. */
  readonly rate: number | null;
  readonly connections: number | null;
  /** Requests in a second. */
  readonly requests: number | null;
}

/** The zone of every client that is in none of the networks of the others. */
export const PUBLIC_ZONE = 'public';

/** Whether clients of the public zone may read what only `zones` may; null is all. */
export function isReadByPublic(zones: readonly string[] | null): boolean {
  return zones === null || zones.includes(PUBLIC_ZONE);
}

export const NO_LIMITS: ZoneLimits = {
  rate: null,
  connections: null,
  client: { rate: null, connections: null, requests: null },
};

/** Who stands before this server and says for whom it asks. */
export interface TrustedProxies {
  /** In CIDR notation; `unix:` is whoever comes through a Unix socket. */
  readonly trusted: readonly string[];
  /** The header field that all of them set or append to; another one may come from the client itself. */
  readonly header: ForwardingHeader;
}

export const FORWARDING_HEADERS = ['x-forwarded-for', 'forwarded'] as const;
export type ForwardingHeader = (typeof FORWARDING_HEADERS)[number];
