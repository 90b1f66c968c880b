import { expect, test } from 'vitest';
import { parseFrontLine } from '../../../server/front/front-line.js';

const NOW = 1_790_000_000_000;
const LINE = {
  ...{ at: 1_789_999_999.5, address: '192.0.2.7', scheme: 'http', status: 200, bytes: 300 },
  ...{ target: '/debian/pool/a%20b.deb', agent: 'apt/2.6' },
};
const read = (changes: object) => parseFrontLine(JSON.stringify({ ...LINE, ...changes }), NOW);

test('a line is what was sent to whom', () => {
  expect(read({})).toEqual({
    ...{ mirror: 'debian', address: '192.0.2.7', family: 'v4', protocol: 'http', status: 200, bytes: 300 },
    ...{ path: ['pool', 'a b.deb'], agent: 'apt/2.6', at: 1_789_999_999_500 },
  });
  expect(read({ scheme: 'https', address: '2001:db8::1', agent: '' })).toMatchObject({
    family: 'v6',
    protocol: 'https',
  });
  expect(read({ address: 'unix:' })).toMatchObject({ family: 'local' });
});

test('a line of Caddy says the same in its own words', () => {
  const { at: ts, status, bytes: size, address, target: uri, agent } = LINE;
  const request = { remote_ip: address, method: 'GET', uri, headers: { 'User-Agent': [agent] } };
  expect(parseFrontLine(JSON.stringify({ ts, status, size, request }), NOW)).toEqual(read({}));
  expect(parseFrontLine(JSON.stringify({ ts, status, size, request: { ...request, tls: {} } }), NOW)).toEqual(
    read({ scheme: 'https' }),
  );
  expect(parseFrontLine(JSON.stringify({ ts, status, size, request: null }), NOW)).toBeUndefined();
});

test('only what was served of a file names it, and nothing was sent tomorrow', () => {
  expect(read({ status: 304 })).toMatchObject({ path: null, status: 304 });
  expect(read({ status: 206, target: '/debian/a?x' })).toMatchObject({ path: ['a'] });
  expect(read({ at: NOW })).toMatchObject({ at: NOW });
});

test.each([
  ...[
    { at: -1 },
    { bytes: '5' },
    { status: 99 },
    { status: 200.5 },
    { target: 7 },
    { target: '/' },
    { target: '/%zz' },
  ],
  ...[{ target: '/debian/../etc' }, { address: null }],
])('%j is no such line', (changes) => {
  expect(read(changes)).toBeUndefined();
});

test('a torn line is none', () => {
  expect(parseFrontLine('{"at":1', NOW)).toBeUndefined();
  expect(parseFrontLine('null', NOW)).toBeUndefined();
});
