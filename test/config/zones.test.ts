import { describe, expect, test } from 'vitest';
import { zoneFinder } from '../../config/zones.js';
import { NO_LIMITS } from '../../core/zone.js';
import { parse, problems } from './parsing.js';

const CAMPUS = { name: 'campus', networks: ['192.0.2.0/24', '2001:db8::/32'] };
const LAB = { name: 'lab', networks: ['192.0.2.64/26', '2001:db8:0:1::/64', '198.51.100.7/32'] };

describe('zoneFinder', () => {
  const find = zoneFinder([CAMPUS, LAB]);

  test.each([
    ['192.0.2.1', 'campus'],
    ['192.0.2.64', 'lab'],
    ['192.0.2.128', 'campus'],
    ['::ffff:192.0.2.65', 'lab'],
    ['::ffff:c000:241', 'lab'],
    ['198.51.100.7', 'lab'],
    ['198.51.100.8', 'public'],
    ['2001:db8::1', 'campus'],
    ['2001:db8:0:1::1', 'lab'],
    ['2001:db9::1', 'public'],
    ['fe80::1%eth0', 'public'],
    ['::1', 'public'],
    ['', 'public'],
    [undefined, 'public'],
  ])('puts %s into %s', (address, zone) => expect(find(address)).toBe(zone));

  test('takes the longest prefix, however the zones are ordered', () => {
    expect(zoneFinder([LAB, CAMPUS])('192.0.2.65')).toBe('lab');
    expect(zoneFinder([{ name: 'all', networks: ['0.0.0.0/0'] }, CAMPUS])('192.0.2.65')).toBe('campus');
    expect(zoneFinder([])('192.0.2.65')).toBe('public');
  });
});

describe('zones', () => {
  const registry = (zones: string): string =>
    `registries: { r: { url: "https://r", on_demand: { allow: "**", keep: 1GB, zones: ${zones} } } }`;

  test('may be public in a registry, without being configured', () => {
    expect(parse(registry('public')).registries.get('r')?.onDemand?.zones).toEqual(['public']);
    expect(parse(registry('public')).zones).toEqual(new Map());
  });

  test('have limits, all optional, public too', () => {
    const limits = 'rate: 2Gbit/s, client: { rate: 200Mbit/s, connections: 20, requests: 50/s }';
    const { zones, mirrors } = parse(
      `zones: { lab: { networks: 192.0.2.0/24 }, public: { ${limits} } }\n` +
        'mirrors: { m: { upstream: "h::m/", every: 1h, read: lab }, n: { upstream: "h::n/", every: 1h } }',
    );
    expect(zones.get('lab')).toEqual({ name: 'lab', networks: ['192.0.2.0/24'], limits: NO_LIMITS });
    expect(zones.get('public')).toEqual({
      ...{ name: 'public', networks: [] },
      limits: {
        ...{ rate: 250_000_000, connections: null },
        client: { rate: 25_000_000, connections: 20, requests: 50 },
      },
    });
    expect([mirrors.get('m')?.read, mirrors.get('n')?.read]).toEqual([['lab'], null]);
  });

  test.each<[string, string]>([
    [
      `zones: { lab: { networks: 192.0.2.0/24 } }\n${registry('[lab, campus]')}`,
      'registries.r.on_demand.zones[1]: "campus" is not a zone: the zones are lab, public; ' +
        'add it at the top of the file, as zones: { campus: { networks: ["192.0.2.0/24"] } }',
    ],
    [
      'zones: { public: { networks: 192.0.2.0/24 } }',
      'zones.public.networks: "public" is every client that is in no other zone',
    ],
    ['zones: { Lab: { networks: 192.0.2.0/24 } }', 'zones.Lab: "Lab" is not the name of a zone'],
    ['zones: { lab: {} }', 'zones.lab.networks: is missing'],
    ['zones: { public: { rate: 9kB/s } }', 'zones.public.rate: "9kB/s" is not a rate of at least 10kB/s'],
    ['zones: { public: { client: { requests: 0/s } } }', '"0/s" is not a number of requests a second, 1 to 1000000'],
    ['zones: { public: { client: { requests: 50 } } }', 'zones.public.client.requests: 50 is not a number'],
    ['zones: { public: { connections: 0 } }', 'zones.public.connections: '],
    [
      'mirrors: { m: { upstream: "h::m/", every: 1h, read: [public, campus] } }',
      'mirrors.m.read[1]: "campus" is not a zone: the zones are public; add it at the top of the file',
    ],
    ['mirrors: { m: { upstream: "h::m/", every: 1h, read: [] } }', 'mirrors.m.read: '],
    ['zones: { lab: { networks: [] } }', 'zones.lab.networks: '],
    [
      'zones: { lab: { networks: 192.0.2.1/24 } }',
      '"192.0.2.1/24" is not a network: that which it is in begins at 192.0.2.0/24',
    ],
    ['zones: { lab: { networks: "2001:db8::1/32" } }', 'that which it is in begins at 2001:db8::/32'],
    ['zones: { lab: { networks: "::ffff:192.0.2.0/120" } }', 'write an IPv4 network as 192.0.2.0/24'],
    [
      'zones: { lab: { networks: 192.0.2.7 } }',
      '"192.0.2.7" is not a network: write it as 192.0.2.0/24 or 2001:db8::/32',
    ],
    ['zones: { lab: { networks: 10.1/16 } }', '"10.1/16" is not a network'],
    ['zones: { lab: { networks: 010.0.0.0/8 } }', '"010.0.0.0/8" is not a network'],
    ['zones: { lab: { networks: 192.0.2.0/33 } }', '"192.0.2.0/33" is not a network'],
    ['zones: { lab: { networks: "fe80::%eth0/64" } }', '"fe80::%eth0/64" is not a network'],
    ['zones: { lab: { networks: campus.example.edu/24 } }', '"campus.example.edu/24" is not a network'],
    [
      'zones: { lab: { networks: "2001:db8::/32" }, hall: { networks: "2001:0db8:0::/32" } }',
      'zones.hall.networks[0]: "2001:0db8:0::/32" is a network of the zone "lab" already',
    ],
  ])('refuses %s: %s', (text, sentence) => expect(problems(() => parse(text)).join('\n')).toContain(sentence));
});

describe('proxies', () => {
  test('are none unless they are given', () => {
    expect(parse('data: ./data').proxies).toEqual({ trusted: [], header: 'x-forwarded-for' });
    expect(parse('proxies: { trusted: ["10.0.0.0/8", "unix:"], header: forwarded }').proxies).toEqual({
      trusted: ['10.0.0.0/8', 'unix:'],
      header: 'forwarded',
    });
  });

  test.each([
    ['proxies: { trusted: 10.0.0.1/8 }', '"10.0.0.1/8" is not a network: that which it is in begins at 10.0.0.0/8'],
    ['proxies: { header: x-real-ip }', 'proxies.header: '],
  ])('refuses %s: %s', (text, sentence) => expect(problems(() => parse(text)).join('\n')).toContain(sentence));
});
