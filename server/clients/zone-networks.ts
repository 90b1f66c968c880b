import ipaddr from 'ipaddr.js';
import { PUBLIC_ZONE, type Zone } from '../../core/zone.js';

/** A network as its first bits; `bits` are 32 or 128 for a single address. */
interface Rule {
  readonly zone: string;
  readonly bits: string;
}

/**
 * The networks, in CIDR notation, of all clients that are in one of the zones `names`, where the longest prefix of all
 * zones decides. rsyncd.conf(5) knows no longest prefix, so they do not overlap: what a network of another zone holds
 * is cut out of them.
 */
export function networksOfZones(zones: Iterable<Pick<Zone, 'name' | 'networks'>>, names: readonly string[]): string[] {
  const networks = [...zones].flatMap(({ name, networks }) => networks.map((text) => ({ name, text })));
  return (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const rules = networks.flatMap(({ name, text }): Rule[] => {
      const [address, prefix] = ipaddr.parseCIDR(text);
      return address.kind() === family ? [{ zone: name, bits: bitsOf(address.toByteArray()).slice(0, prefix) }] : [];
    });
    return cover('', { zone: PUBLIC_ZONE, bits: '' }, rules, new Set(names)).map((bits) => cidrOf(bits, family));
  });
}

/** Of the network `bits`, in which `decides` holds, the parts that belong to `names`. */
function cover(bits: string, decides: Rule, rules: readonly Rule[], names: ReadonlySet<string>): string[] {
  const own = rules.find((rule) => rule.bits === bits) ?? decides;
  const within = rules.filter((rule) => rule.bits.length > bits.length && rule.bits.startsWith(bits));
  if (within.length === 0) return names.has(own.zone) ? [bits] : [];
  return ['0', '1'].flatMap((bit) => cover(bits + bit, own, within, names));
}

function bitsOf(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('');
}

function cidrOf(bits: string, family: 'ipv4' | 'ipv6'): string {
  const length = family === 'ipv4' ? 32 : 128;
  const padded = bits.padEnd(length, '0');
  const bytes = (padded.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));
  return `${ipaddr.fromByteArray(bytes).toString()}/${bits.length}`;
}
