import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LONGEST_PROXY_HEADER, readProxyHeader } from '../../../server/listening/proxy-protocol.js';
import { binaryHeader } from './proxy-scene.js';

const line = (text: string): Buffer => Buffer.from(text, 'latin1');
const V4 = { address: '203.0.113.7', port: 4711 };
const V4_BLOCK = Buffer.from([203, 0, 113, 7, 192, 0, 2, 1, 0x12, 0x67, 0, 80]);
const V6_BLOCK = Buffer.from(`20010db8${'0'.repeat(22)}07${'0'.repeat(31)}1${'1267'}${'0050'}`, 'hex');

describe('readProxyHeader of version 1', () => {
  test.each([
    ['PROXY TCP4 203.0.113.7 192.0.2.1 4711 80\r\n', V4],
    ['PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n', { address: '2001:db8::7', port: 4711 }],
    ['PROXY UNKNOWN\r\n', null],
    ['PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n', null],
  ])('reads %j', (text, source) => {
    expect(readProxyHeader(line(`${text}GET / HTTP/1.1\r\n`))).toEqual({ kind: 'whole', length: text.length, source });
    for (let end = 1; end < text.length; end++)
      expect(readProxyHeader(line(text.slice(0, end))), `after ${end} bytes`).toEqual({ kind: 'more' });
  });

  test.each([
    'GET / HTTP/1.1\r\n',
    'PROXY TCP4 203.0.113.7 192.0.2.1 4711\r\n',
    'PROXY TCP4 203.0.113.7 192.0.2.1 4711 80 1\r\n',
    'PROXY TCP4 203.0.113.7 192.0.2.1 04711 80\r\n',
    'PROXY TCP4 203.0.113.7 192.0.2.1 4711 65536\r\n',
    'PROXY TCP4 203.0.113.777 192.0.2.1 4711 80\r\n',
    'PROXY TCP4 2001:db8::7 192.0.2.1 4711 80\r\n',
    'PROXY TCP6 203.0.113.7 192.0.2.1 4711 80\r\n',
    'PROXY TCP6 fe80::1%eth0 fe80::2 4711 80\r\n',
    'PROXY UDP4 203.0.113.7 192.0.2.1 4711 80\r\n',
    'PROXY\r\n',
    `PROXY UNKNOWN ${'x'.repeat(200)}\r\n`,
  ])('refuses %j', (text) => expect(readProxyHeader(line(text))).toEqual({ kind: 'broken' }));
});

describe('readProxyHeader of version 2', () => {
  test.each([
    ['IPv4', binaryHeader(0x21, 0x11, V4_BLOCK), V4],
    ['IPv6', binaryHeader(0x21, 0x21, V6_BLOCK), { address: '2001:db8:0:0:0:0:0:7', port: 4711 }],
    ['more fields after the addresses', binaryHeader(0x21, 0x11, Buffer.concat([V4_BLOCK, Buffer.alloc(300, 1)])), V4],
    ['the command LOCAL', binaryHeader(0x20, 0x11, V4_BLOCK), null],
    ['no family', binaryHeader(0x21, 0x00, Buffer.alloc(0)), null],
    ['a Unix socket', binaryHeader(0x21, 0x31, Buffer.alloc(216)), null],
  ])('reads %s', (_what, bytes, source) => {
    const followed = Buffer.concat([bytes, line('GET / HTTP/1.1\r\n')]);
    expect(readProxyHeader(followed)).toEqual({ kind: 'whole', length: bytes.length, source });
    for (let end = 1; end < bytes.length; end++)
      expect(readProxyHeader(bytes.subarray(0, end)), `after ${end} bytes`).toEqual({ kind: 'more' });
  });

  test.each([
    ['another version', binaryHeader(0x31, 0x11, V4_BLOCK)],
    ['another command', binaryHeader(0x22, 0x11, V4_BLOCK)],
    ['another family', binaryHeader(0x21, 0x41, V4_BLOCK)],
    ['too few bytes of addresses', binaryHeader(0x21, 0x21, V4_BLOCK)],
    ['too many bytes', binaryHeader(0x21, 0x11, Buffer.alloc(5000))],
  ])('refuses %s', (_what, bytes) => expect(readProxyHeader(bytes)).toEqual({ kind: 'broken' }));
});

test('readProxyHeader knows after a bounded number of bytes, whatever they are', () => {
  const begins = fc.constantFrom('', 'PROXY ', 'PROXY TCP4 ', '\r\n\r\n\0\r\nQUIT\n', '\r\n\r\n\0\r\nQUIT\n!\x11');
  fc.assert(
    fc.property(begins, fc.uint8Array({ minLength: 1, maxLength: 300 }), (begin, bytes) => {
      const all = Buffer.concat([line(begin), bytes, Buffer.alloc(LONGEST_PROXY_HEADER)]);
      expect(readProxyHeader(all).kind).not.toBe('more');
    }),
  );
});
