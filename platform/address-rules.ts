import type { LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Nobody may be asked at this address. */
export class ForbiddenAddress extends Error {
  readonly code = 'MILLPOND_FORBIDDEN_ADDRESS';

  constructor(host: string) {
    super(`"${host}" has no public address`);
    this.name = 'ForbiddenAddress';
  }
}

/** Where an IPv6 network without IPv4 maps the addresses of IPv4 (RFC 6052 section 2.1). */
const NAT64: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('64:ff9b::'), 96];
/** The only unicast addresses of the public internet that have been given out (RFC 4291 section 2.4). */
const GLOBAL_UNICAST: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];

/**
 * Whether an address, IPv4 or IPv6 without brackets, is one of the public internet: not loopback, private, link-local,
 * multicast, shared, reserved or for documentation, also where IPv4 is written inside IPv6.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address) || isIP(address) === 0) return false;
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.range() === 'unicast';
  if (parsed.match(NAT64)) return new ipaddr.IPv4(parsed.toByteArray().slice(12)).range() === 'unicast';
  return parsed.match(GLOBAL_UNICAST) && parsed.range() === 'unicast';
}

/**
 * `lookup` that only tells public addresses, and fails with ForbiddenAddress where a name has no other. It answers for
 * the very connection that is then made, so that a name which changes between two questions gains nothing.
 */
export function publicLookup(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found, family) => {
      if (error) return callback(error, '', 0);
      const every: LookupAddress[] =
        typeof found === 'string' ? [{ address: found, family: family ?? isIP(found) }] : found;
      const open = every.filter(({ address }) => isPublicAddress(address));
      const [first] = open;
      if (!first) return callback(new ForbiddenAddress(hostname), '', 0);
      if (options.all) callback(null, open);
      else callback(null, first.address, first.family);
    });
  };
}
