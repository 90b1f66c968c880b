import ipaddr from 'ipaddr.js';
import * as z from 'zod';
import { PUBLIC_ZONE, type Zone } from '../core/zone.js';
import * as field from './fields.js';
import { zoneName } from './image-problems.js';
import type { Problem } from './problems.js';

type Network = [address: ipaddr.IPv4 | ipaddr.IPv6, prefix: number];

/** Networks by the name of their zone. */
export const zones = z
  .record(
    z.string(),
    field.section({
      networks: field.textList(
        {
          description: 'Addresses of its clients; the longest prefix of all zones decides.',
          examples: [['192.0.2.0/24', '2001:db8::/32']],
        },
        networkProblem,
        1,
      ),
    }),
  )
  .superRefine(
    (value, context) => {
      for (const name of Object.keys(value)) {
        const message = zoneName(name) ?? reserved(name);
        if (message !== undefined) context.addIssue({ code: 'custom', message, path: [name] });
      }
    },
    { when: ({ value }) => field.isSection(value) },
  );

export type RawZones = z.output<typeof zones>;

/** What zones only tell together with each other and with the registries that name them. */
export function zoneConflicts(raw: {
  readonly zones: RawZones;
  readonly registries: Readonly<
    Record<string, { readonly on_demand?: { readonly zones: readonly string[] } | undefined }>
  >;
}): Problem[] {
  const known = [...Object.keys(raw.zones), PUBLIC_ZONE];
  const unknown = Object.entries(raw.registries).flatMap(([registry, { on_demand }]) =>
    (on_demand?.zones ?? []).flatMap((zone, index): Problem[] => {
      if (known.includes(zone)) return [];
      const sentence =
        `${field.quote(zone)} is not a zone: the zones are ${known.join(', ')}; ` +
        `add it at the top of the file, as zones: { ${zone}: { networks: ["192.0.2.0/24"] } }`;
      return [{ path: ['registries', registry, 'on_demand', 'zones', index], sentence }];
    }),
  );
  return [...twice(raw.zones), ...unknown];
}

/** Finds the zone of an address, which may be an IPv4 address written as IPv6 (RFC 4291 section 2.5.5.2). */
export function zoneFinder(all: Iterable<Zone>): (address: string | undefined) => string {
  const rules = [...all]
    .flatMap(({ name, networks }) => networks.map((text) => ({ name, network: ipaddr.parseCIDR(text) })))
    .sort((a, b) => b.network[1] - a.network[1]); // the longest prefix first
  return (address) => {
    if (address === undefined || !ipaddr.isValid(address)) return PUBLIC_ZONE;
    const parsed = ipaddr.process(address);
    return rules.find(({ network }) => matches(parsed, network))?.name ?? PUBLIC_ZONE;
  };
}

/** Why a text is not a network, as a sentence, or undefined when it is one. */
function networkProblem(value: string): string | undefined {
  const begin = `${field.quote(value)} is not a network`;
  const network = parseNetwork(value);
  if (!network) return `${begin}: write it as 192.0.2.0/24 or 2001:db8::/32; a single address has /32 or /128`;
  const [address, prefix] = network;
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress())
    return `${begin}: write an IPv4 network as 192.0.2.0/24`;
  const first = firstOf(network);
  return first === address.toString() ? undefined : `${begin}: that which it is in begins at ${first}/${prefix}`;
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

function matches(address: ipaddr.IPv4 | ipaddr.IPv6, network: Network): boolean {
  return address.kind() === network[0].kind() && address.match(network);
}

function reserved(name: string): string | undefined {
  if (name !== PUBLIC_ZONE) return undefined;
  return `${field.quote(name)} is every client that is in no other zone: it has no networks of its own`;
}

function twice(raw: RawZones): Problem[] {
  const seen = new Map<string, string>();
  return Object.entries(raw).flatMap(([zone, { networks }]) =>
    networks.flatMap((text, index): Problem[] => {
      const network = parseNetwork(text);
      const key = network ? `${network[0].toString()}/${network[1]}` : text;
      const first = seen.get(key);
      seen.set(key, first ?? zone);
      if (first === undefined) return [];
      const sentence = `${field.quote(text)} is a network of the zone ${field.quote(first)} already`;
      return [{ path: ['zones', zone, 'networks', index], sentence }];
    }),
  );
}
