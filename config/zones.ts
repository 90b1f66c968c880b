import * as z from 'zod';
import { parseRate } from '../core/units.js';
import { PUBLIC_ZONE, type Zone, type ZoneLimits } from '../core/zone.js';
import * as field from './fields.js';
import { zoneName } from './image-problems.js';
import { canonicalNetwork, networkFinder, networkProblem } from './networks.js';
import type { Problem } from './problems.js';

const rate = (meaning: string) =>
  field
    .parsed('a rate of at least 10kB/s: write it as 2Gbit/s or 50MB/s', parseZoneRate, {
      description: meaning,
      examples: ['2Gbit/s', '50MB/s'],
    })
    .optional();
const connections = (meaning: string) =>
  field.whole(1, 1_000_000, { description: `${meaning} Default: no limit.` }).optional();

const client = field
  .section({
    rate: rate('What each client may take. Default: no limit.'),
    connections: connections('Connections of each client.'),
    requests: field
      .parsed('a number of requests a second, 1 to 1000000: write it as 50/s', parseRequests, {
        description: 'Requests of each client. Default: no limit.',
        examples: ['50/s'],
      })
      .optional(),
  })
  .prefault({})
  .meta({ description: 'Limits of each client: an IPv4 address, or an IPv6 network of 64 bits.' });

const zone = field.section({
  networks: field
    .textList(
      {
        description: 'Addresses of its clients; the longest prefix of all zones decides. "public" has none.',
        examples: [['192.0.2.0/24', '2001:db8::/32']],
      },
      networkProblem,
      1,
    )
    .optional(),
  rate: rate('What all of its clients together may take. Default: no limit.'),
  connections: connections('Connections of all of its clients together.'),
  client,
});

/** Networks and limits by the name of their zone. */
export const zones = z.record(z.string(), zone).superRefine(
  (value, context) => {
    for (const [name, { networks }] of Object.entries(value)) {
      const complain = (message: string, ...path: string[]): void =>
        context.addIssue({ code: 'custom', message, path: [name, ...path] });
      const problem = zoneName(name);
      if (problem !== undefined) complain(problem);
      if (name === PUBLIC_ZONE && networks !== undefined)
        complain('"public" is every client that is in no other zone: it has no networks of its own', 'networks');
      if (name !== PUBLIC_ZONE && networks === undefined)
        complain('is missing: write the addresses of its clients, as ["192.0.2.0/24", "2001:db8::/32"]', 'networks');
    }
  },
  { when: ({ value }) => field.isSection(value) && Object.values(value as object).every(field.isSection) },
);

type RawZones = z.output<typeof zones>;

/** What zones only tell together with each other and with what names them. */
export function zoneConflicts(raw: {
  readonly zones: RawZones;
  readonly mirrors: Readonly<Record<string, { readonly read?: readonly string[] | undefined }>>;
  readonly registries: Readonly<
    Record<string, { readonly on_demand?: { readonly zones: readonly string[] } | undefined }>
  >;
}): Problem[] {
  const named = [
    ...Object.entries(raw.mirrors).map(([mirror, { read }]) => ({ path: ['mirrors', mirror, 'read'], zones: read })),
    ...Object.entries(raw.registries).map(([registry, { on_demand }]) => ({
      path: ['registries', registry, 'on_demand', 'zones'],
      zones: on_demand?.zones,
    })),
  ];
  const known = [...new Set([...Object.keys(raw.zones), PUBLIC_ZONE])];
  const unknown = named.flatMap(({ path, zones: names = [] }) =>
    names.flatMap((name, index): Problem[] => {
      if (known.includes(name)) return [];
      const sentence =
        `${field.quote(name)} is not a zone: the zones are ${known.join(', ')}; ` +
        `add it at the top of the file, as zones: { ${name}: { networks: ["192.0.2.0/24"] } }`;
      return [{ path: [...path, index], sentence }];
    }),
  );
  return [...twice(raw.zones), ...unknown];
}

/** By name; `public` is there only where it has been written. */
export function resolveZones(raw: RawZones): ReadonlyMap<string, Zone> {
  return new Map(
    Object.entries(raw).map(([name, each]) => [name, { name, networks: each.networks ?? [], limits: limitsOf(each) }]),
  );
}

function limitsOf({ rate, connections, client }: RawZones[string]): ZoneLimits {
  return {
    rate: rate ?? null,
    connections: connections ?? null,
    client: {
      rate: client.rate ?? null,
      connections: client.connections ?? null,
      requests: client.requests ?? null,
    },
  };
}

/** Finds the zone of an address; undefined is one that is not known. */
export function zoneFinder(all: Iterable<Pick<Zone, 'name' | 'networks'>>): (address: string | undefined) => string {
  const find = networkFinder([...all].flatMap(({ name, networks }) => networks.map((text) => [text, name] as const)));
  return (address) => (address === undefined ? undefined : find(address)) ?? PUBLIC_ZONE;
}

function parseZoneRate(text: string): number | undefined {
  const bytes = parseRate(text);
  return bytes !== undefined && bytes >= 10_000 ? bytes : undefined;
}

function parseRequests(text: string): number | undefined {
  const number = Number(/^(\d{1,7})\/s$/.exec(text)?.[1] ?? 0);
  return number >= 1 && number <= 1_000_000 ? number : undefined;
}

function twice(raw: RawZones): Problem[] {
  const seen = new Map<string, string>();
  return Object.entries(raw).flatMap(([zone, { networks = [] }]) =>
    networks.flatMap((text, index): Problem[] => {
      const key = canonicalNetwork(text);
      const first = seen.get(key);
      seen.set(key, first ?? zone);
      if (first === undefined) return [];
      const sentence = `${field.quote(text)} is a network of the zone ${field.quote(first)} already`;
      return [{ path: ['zones', zone, 'networks', index], sentence }];
    }),
  );
}
