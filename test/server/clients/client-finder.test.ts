import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { NO_LIMITS, type TrustedProxies, type Zone } from '../../../core/zone.js';
import { clientFinder, type Client } from '../../../server/clients/client-finder.js';
import { setPeerAddress } from '../../../server/peer-address.js';

function zonesOf(networks: Readonly<Record<string, string[]>>): Map<string, Zone> {
  return new Map(Object.entries(networks).map(([name, each]) => [name, { name, networks: each, limits: NO_LIMITS }]));
}

const CAMPUS = zonesOf({ campus: ['192.0.2.0/24', '2001:db8::/32'], lab: ['192.0.2.64/26', '10.0.0.0/8'] });

function socketFrom(address: string): Socket {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: address });
  return socket;
}

/** Finds the client of a request from `address` with a forwarding field. */
function found(
  address: string,
  header: Record<string, string> = {},
  proxies: Partial<TrustedProxies> = { trusted: ['10.0.0.0/8', '2001:db8:1::/48'] },
): Client {
  const settings = { zones: CAMPUS, proxies: { trusted: [], header: 'x-forwarded-for' as const, ...proxies } };
  return clientFinder(() => settings)({ socket: socketFrom(address), headers: header });
}

describe('clientFinder', () => {
  test.each([
    ['198.51.100.1', { address: '198.51.100.1', family: 'IPv4', zone: 'public', key: '198.51.100.1' }],
    ['::ffff:192.0.2.1', { address: '192.0.2.1', family: 'IPv4', zone: 'campus', key: '192.0.2.1' }],
    ['192.0.2.65', { address: '192.0.2.65', zone: 'lab' }],
    ['2001:0DB8:0:0::1', { address: '2001:db8::1', family: 'IPv6', zone: 'campus', key: '2001:db8::/64' }],
    ['2001:db9:1:2:3:4:5:6', { address: '2001:db9:1:2:3:4:5:6', zone: 'public', key: '2001:db9:1:2::/64' }],
  ])('places %s', (address, client) => expect(found(address)).toMatchObject({ isProxied: false, ...client }));

  test('counts all addresses of an IPv6 network of 64 bits as one client, and their neighbours as others', () => {
    expect(found('2001:db8::1').key).toBe(found('2001:db8::ffff:0:1').key);
    expect(found('2001:db8::1').key).not.toBe(found('2001:db8:0:1::1').key);
  });

  test('does not believe a field of somebody who is no trusted proxy', () => {
    const field = { 'x-forwarded-for': '192.0.2.1', forwarded: 'for=192.0.2.1' };
    expect(found('198.51.100.1', field)).toMatchObject({ address: '198.51.100.1', zone: 'public', isProxied: false });
    expect(found('10.0.0.1', field, {})).toMatchObject({ address: '10.0.0.1', isProxied: false });
  });

  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1, 198.51.100.7', '198.51.100.7'],
    ['192.0.2.1, 198.51.100.7, 10.0.0.9, ::ffff:10.0.0.8', '198.51.100.7'],
    ['10.0.0.9, 10.0.0.8', '10.0.0.9'],
    ['nonsense, 198.51.100.7, 10.0.0.9', '198.51.100.7'],
    ['2001:db8:1::5', '2001:db8:1::5'],
  ])('takes of X-Forwarded-For: %s the last one that is no trusted proxy', (field, address) => {
    expect(found('10.0.0.1', { 'x-forwarded-for': field })).toMatchObject({ address, isProxied: true });
  });

  test.each(['nonsense', '192.0.2.1, nonsense', '192.0.2.1, nonsense, 10.0.0.9', '192.0.2.1,', 'fe80::1%eth0'])(
    'gives nobody the zone of the proxy where "%s" cannot be read',
    (field) => {
      const client = { address: '10.0.0.1', zone: 'public', isProxied: true };
      expect(found('10.0.0.1', { 'x-forwarded-for': field })).toMatchObject(client);
    },
  );

  test('takes a request of the proxy without a field for its own', () => {
    const proxy = { address: '10.0.0.1', zone: 'lab', isProxied: true };
    expect(found('10.0.0.1', { 'x-forwarded-for': '' })).toMatchObject(proxy);
    expect(found('10.0.0.1')).toMatchObject(proxy);
  });

  test('is not taken for the proxy by a client that sends a field before it, long or with a text that does not end', () => {
    const long = `${'192.0.2.1, '.repeat(500)}198.51.100.1`;
    expect(found('10.0.0.1', { 'x-forwarded-for': long })).toMatchObject({ address: '198.51.100.1', zone: 'public' });
    const forwarded = { trusted: ['10.0.0.0/8'], header: 'forwarded' as const };
    for (const field of ['for=192.0.2.1;x=", for=198.51.100.1', 'for=192.0.2.1;x=", for="[2001:db9::1]"'])
      expect(found('10.0.0.1', { forwarded: field }, forwarded).zone).toBe('public');
  });

  test('reads the field that is configured, and no other', () => {
    const fields = { 'x-forwarded-for': '192.0.2.1', forwarded: 'for="198.51.100.7:80"' };
    expect(found('10.0.0.1', fields).address).toBe('192.0.2.1');
    const proxies = { trusted: ['10.0.0.0/8'], header: 'forwarded' as const };
    expect(found('10.0.0.1', fields, proxies).address).toBe('198.51.100.7');
    expect(found('10.0.0.1', { 'x-forwarded-for': '192.0.2.1' }, proxies).address).toBe('10.0.0.1');
  });

  test('tells requests of one connection through a proxy apart', () => {
    const settings = { zones: CAMPUS, proxies: { trusted: ['10.0.0.0/8'], header: 'x-forwarded-for' as const } };
    const clientOf = clientFinder(() => settings);
    const socket = socketFrom('10.0.0.1');
    const from = (address: string): string | null =>
      clientOf({ socket, headers: { 'x-forwarded-for': address } }).address;
    expect([from('192.0.2.1'), from('198.51.100.1')]).toEqual(['192.0.2.1', '198.51.100.1']);
  });

  test('believes the address that a listener was told by the PROXY protocol', () => {
    const socket = socketFrom('10.0.0.1');
    setPeerAddress(socket, '192.0.2.65', 4711);
    const settings = { zones: CAMPUS, proxies: { trusted: [], header: 'x-forwarded-for' as const } };
    expect(clientFinder(() => settings)({ socket, headers: {} })).toMatchObject({ address: '192.0.2.65', zone: 'lab' });
  });

  test('goes by the settings of the moment, on connections that are open, too', () => {
    const proxies: TrustedProxies = { trusted: [], header: 'x-forwarded-for' };
    let settings = { zones: zonesOf({ lab: ['192.0.2.0/24'] }), proxies };
    const clientOf = clientFinder(() => settings);
    const request = { socket: socketFrom('::ffff:192.0.2.1'), headers: { 'x-forwarded-for': '198.51.100.1' } };
    const first = clientOf(request);
    expect(first.zone).toBe('lab');
    expect(clientOf(request)).toBe(first);
    settings = { ...settings, zones: zonesOf({ lab: ['198.51.100.0/24'] }) };
    expect(clientOf(request).zone).toBe('public');
    settings = { ...settings, proxies: { ...proxies, trusted: ['192.0.2.0/24'] } };
    expect(clientOf(request)).toMatchObject({ zone: 'lab', isProxied: true });
  });

  test.each([
    [['unix:'], { address: '192.0.2.1', zone: 'campus', isProxied: true }],
    [['127.0.0.0/8'], { address: null, family: null, zone: 'public', key: 'unix:', isProxied: false }],
  ])('of a Unix socket with the trusted %j', async (trusted, client) => {
    const folder = mkdtempSync(join(tmpdir(), 'millpond-unix-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const socketPath = join(folder, 'http.sock');
    const settings = { zones: CAMPUS, proxies: { trusted, header: 'x-forwarded-for' as const } };
    const clientOf = clientFinder(() => settings);
    const server = createServer((request, response) => response.end(JSON.stringify(clientOf(request))));
    await once(server.listen(socketPath), 'listening');
    onTestFinished(() => void server.close());
    const asking = httpRequest({ socketPath, headers: { 'X-Forwarded-For': '192.0.2.1' }, agent: false }).end();
    const [answer] = (await once(asking, 'response')) as [NodeJS.ReadableStream];
    const [body] = (await once(answer, 'data')) as [Buffer];
    expect(JSON.parse(body.toString())).toMatchObject(client);
  });

  test('does not take a connection that has broken for one through a Unix socket', () => {
    const socket = new Socket();
    socket.destroy();
    const settings = { zones: CAMPUS, proxies: { trusted: ['unix:'], header: 'x-forwarded-for' as const } };
    const request = { socket, headers: { 'x-forwarded-for': '192.0.2.1' } };
    expect(clientFinder(() => settings)(request)).toMatchObject({ zone: 'public', isProxied: false });
  });
});
