import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ForbiddenAddress, isPublicAddress, publicLookup } from '../../platform/address-rules.js';

describe('isPublicAddress', () => {
  it.each(['1.1.1.1', '130.83.1.1', '2606:4700:4700::1111', '::ffff:1.1.1.1', '64:ff9b::1.1.1.1'])(
    'lets %s pass',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  it.each([
    ...['127.0.0.1', '127.8.9.1', '0.0.0.0', '10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.169.254'],
    ...['100.64.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255', '192.0.2.1', '198.18.0.1'],
    ...['::', '::1', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd12::1', 'ff02::1', 'fec0::1', '2001:db8::1'],
    ...['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::127.0.0.1', '64:ff9b::10.0.0.1', '64:ff9b:1::1.1.1.1'],
    ...['2002:7f00:1::', '', 'localhost', '127.1', '0x7f000001', '2130706433'],
  ])('holds %s back', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe('publicLookup', () => {
  const answering =
    (...addresses: string[]): LookupFunction =>
    (_, options, callback) => {
      const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      if (options.all) callback(null, found);
      else callback(null, found[0]?.address ?? '', found[0]?.family);
    };
  const ask = (lookup: LookupFunction, all: boolean) =>
    new Promise<string | LookupAddress[]>((resolve, reject) => {
      publicLookup(lookup)('host.example', { all }, (error, found) => (error ? reject(error) : resolve(found)));
    });

  it('tells public addresses only', async () => {
    const lookup = answering('10.0.0.1', '1.1.1.1', '::1');
    expect(await ask(lookup, true)).toEqual([{ address: '1.1.1.1', family: 4 }]);
    expect(await ask(lookup, false)).toBe('1.1.1.1');
  });

  it('fails where there are no others', async () => {
    await expect(ask(answering('10.0.0.1'), false)).rejects.toThrow(ForbiddenAddress);
    await expect(ask(answering(), true)).rejects.toThrow(ForbiddenAddress);
  });

  it('passes on that a name does not exist', async () => {
    const missing: LookupFunction = (_, __, callback) =>
      callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), '');
    await expect(ask(missing, true)).rejects.toThrow('no such name');
  });
});
