import { describe, expect, test } from 'vitest';
import { forwardedAddresses } from '../../../server/clients/forwarded.js';

describe('forwardedAddresses', () => {
  test.each([
    ['192.0.2.1', ['192.0.2.1']],
    ['198.51.100.1, 192.0.2.1', ['198.51.100.1', '192.0.2.1']],
    ['192.0.2.1:4711', ['192.0.2.1']],
    ['2001:db8::1', ['2001:db8::1']],
    ['[2001:db8::1]', ['2001:db8::1']],
    ['[2001:db8::1]:443', ['2001:db8::1']],
    ['::ffff:192.0.2.1', ['::ffff:192.0.2.1']],
    ['', [undefined]],
    ['192.0.2.1,', ['192.0.2.1', undefined]],
    ['unknown, 192.0.2.1', [undefined, '192.0.2.1']],
    ['10.1', [undefined]],
    ['0x7f000001', [undefined]],
    ['192.0.2.1/24', [undefined]],
    ['[192.0.2.1]', [undefined]],
    ['[2001:db8::1', [undefined]],
    ['fe80::1%eth0', [undefined]],
    ['192.0.2.1 198.51.100.1', [undefined]],
  ])('reads X-Forwarded-For: %s', (value, addresses) =>
    expect(forwardedAddresses('x-forwarded-for', value)).toEqual(addresses),
  );

  test.each([
    ['for=192.0.2.1', ['192.0.2.1']],
    ['For="[2001:db8:cafe::17]:4711"', ['2001:db8:cafe::17']],
    ['for=192.0.2.1;proto=http;by=203.0.113.43', ['192.0.2.1']],
    ['for=192.0.2.1, for=198.51.100.17', ['192.0.2.1', '198.51.100.17']],
    ['proto=https;for="192.0.2.1:80" , by=203.0.113.43;FOR=198.51.100.17', ['192.0.2.1', '198.51.100.17']],
    ['for="_a,b;for=192.0.2.9", for=192.0.2.1', [undefined, '192.0.2.1']],
    ['for="\\1\\92.0.2.1"', ['192.0.2.1']],
    ['for=unknown', [undefined]],
    ['for=_hidden', [undefined]],
    ['by=203.0.113.43', [undefined]],
    ['for=192.0.2.1;for=192.0.2.2', [undefined]],
    ['192.0.2.1', [undefined]],
  ])('reads Forwarded: %s', (value, addresses) => expect(forwardedAddresses('forwarded', value)).toEqual(addresses));

  test('reads the end of an X-Forwarded-For that a client has made long, and no long Forwarded', () => {
    const long = forwardedAddresses('x-forwarded-for', `${'192.0.2.1,'.repeat(500)} 198.51.100.1`);
    expect(long?.at(-1)).toBe('198.51.100.1');
    expect(long?.length).toBeLessThan(500);
    expect(forwardedAddresses('forwarded', `for=192.0.2.1;x="${' '.repeat(4096)}"`)).toBeUndefined();
  });

  test.each(['for="192.0.2.1\\"', 'for=192.0.2.1;x=", for=198.51.100.1', 'for=192.0.2.1;x=", for="[2001:db8::1]"'])(
    'reads nothing of a Forwarded with a text that does not end: %s',
    (value) => expect(forwardedAddresses('forwarded', value)).toBeUndefined(),
  );
});
