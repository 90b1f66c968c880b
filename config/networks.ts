import ipaddr from 'ipaddr.js';
import * as field from './fields.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = [address: Address, prefix: number];

/** Networks of one kind and one length of prefix, by their first bits. */
interface Level<T> {
  readonly prefix: number;
  readonly values: Map<bigint, T>;
}

/** Why a text is not a network, as a sentence, or undefined when it is one. */
export function networkProblem(value: string): string | undefined {
  const begin = `${field.quote(value)} is not a network`;
  const network = parseNetwork(value);
  if (!network) return `${begin}: write it as 192.0.2.0/24 or 2001:db8::/32; a single address has /32 or /128`;
  const [address, prefix] = network;
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress())
    return `${begin}: write an IPv4 network as 192.0.2.0/24`;
  const first = firstOf(network);
  return first === address.toString() ? undefined : `${begin}: that which it is in begins at ${first}/${prefix}`;
}

/** A network in its one spelling; other text stays as it is. */
export function canonicalNetwork(text: string): string {
  const network = parseNetwork(text);
  return network ? `${network[0].toString()}/${network[1]}` : text;
}

/**
 * Finds what belongs to the network with the longest prefix of those that hold an address, which may be an IPv4 address
 * written as IPv6 (RFC 4291 section 2.5.5.2). A look costs one step for each length of prefix, however many networks.
 */
export function networkFinder<T>(
  entries: Iterable<readonly [network: string, value: T]>,
): (address: string) => T | undefined {
  const levels = { ipv4: [] as Level<T>[], ipv6: [] as Level<T>[] };
  for (const [text, value] of entries) {
    const [address, prefix] = ipaddr.parseCIDR(text);
    const ofKind = levels[address.kind()];
    let level = ofKind.find((each) => each.prefix === prefix);
    if (!level) ofKind.push((level = { prefix, values: new Map() }));
    level.values.set(firstBits(address, prefix), value);
  }
  for (const ofKind of Object.values(levels)) ofKind.sort((a, b) => b.prefix - a.prefix);
  return (text) => {
    if (!ipaddr.isValid(text)) return undefined;
    const address = ipaddr.process(text);
    for (const { prefix, values } of levels[address.kind()]) {
      const found = values.get(firstBits(address, prefix));
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

function firstBits(address: Address, prefix: number): bigint {
  const bytes = address.toByteArray();
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`) >> BigInt(bytes.length * 8 - prefix);
}

function parseNetwork(value: string): Network | undefined {
  const [address = '', prefix = '', ...more] = value.split('/');
  const isAddress = ipaddr.IPv4.isValidFourPartDecimal(address) || ipaddr.IPv6.isValid(address);
  if (!isAddress || address.includes('%') || !/^\d{1,3}$/.test(prefix) || more.length > 0) return undefined;
  return ipaddr.isValidCIDR(value) ? ipaddr.parseCIDR(value) : undefined;
}

function firstOf([address, prefix]: Network): string {
  const text = `${address.toString()}/${prefix}`;
  return address instanceof ipaddr.IPv4
    ? ipaddr.IPv4.networkAddressFromCIDR(text).toString()
    : ipaddr.IPv6.networkAddressFromCIDR(text).toString();
}
