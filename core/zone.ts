/** Where a client is: what it may cause and use is decided by that. */
export interface Zone {
  readonly name: string;
  /** Addresses in CIDR notation, as `192.0.2.0/24` and `2001:db8::/32`. */
  readonly networks: readonly string[];
}

/** The zone of every client that is in none of the networks of the others. */
export const PUBLIC_ZONE = 'public';
