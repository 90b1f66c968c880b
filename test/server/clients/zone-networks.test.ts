import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { expect, test } from 'vitest';
import { zoneFinder } from '../../../config/zones.js';
import { PUBLIC_ZONE } from '../../../core/zone.js';
import { networksOfZones } from '../../../server/clients/zone-networks.js';

test('networks of another zone are cut out of those that hold them', () => {
  const zones = [
    { name: 'campus', networks: ['10.0.0.0/8'] },
    { name: 'lab', networks: ['10.128.0.0/9', '2001:db8::/32'] },
  ];
  expect(networksOfZones(zones, ['campus'])).toEqual(['10.0.0.0/9']);
  expect(networksOfZones(zones, ['lab'])).toEqual(['10.128.0.0/9', '2001:db8::/32']);
  expect(networksOfZones(zones, ['campus', 'lab', PUBLIC_ZONE])).toHaveLength(7 + 1 + 2 + 32 + 1);
  expect(networksOfZones([], [PUBLIC_ZONE])).toEqual(['0.0.0.0/0', '::/0']);
  expect(networksOfZones(zones, [])).toEqual([]);
});

const v4 = fc.tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.integer({ min: 1, max: 32 }));
const v6 = fc.tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.integer({ min: 1, max: 128 }));
const network = fc.oneof(v4, v6).map(([bytes, prefix]) => {
  const text = `${ipaddr.fromByteArray([...bytes]).toString()}/${prefix}`;
  const kind = bytes.length === 4 ? ipaddr.IPv4 : ipaddr.IPv6;
  return `${kind.networkAddressFromCIDR(text).toString()}/${prefix}`;
});
const zone = (name: string) => fc.record({ name: fc.constant(name), networks: fc.array(network, { maxLength: 4 }) });

test('an address is in them exactly when its zone is one of the names', () => {
  const addresses = fc.array(fc.oneof(fc.ipV4(), fc.ipV6()), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(zone('a'), zone('b'), addresses, fc.subarray(['a', 'b', PUBLIC_ZONE]), (a, b, outside, names) => {
      // a network in two zones is refused by the configuration
      const zones = [a, { ...b, networks: b.networks.filter((each) => !a.networks.includes(each)) }];
      const ranges = networksOfZones(zones, names).map((text) => ipaddr.parseCIDR(text));
      const find = zoneFinder(zones);
      const firsts = zones.flatMap(({ networks }) => networks.map((text) => ipaddr.parseCIDR(text)[0].toString()));
      for (const address of [...outside, ...firsts]) {
        const parsed = ipaddr.parse(address);
        if (parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress()) continue; // rsyncd makes IPv4 of it
        const isIn = ranges.some((range) => parsed.kind() === range[0].kind() && parsed.match(range));
        expect(isIn, address).toBe(names.includes(find(address)));
      }
    }),
  );
});
