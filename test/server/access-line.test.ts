import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accessLine, type AccessEntry } from '../../server/access-line.js';

const ENTRY: AccessEntry = {
  ...{ at: Date.UTC(2026, 10, 3, 4, 5, 6, 789), address: '192.0.2.77', zone: 'campus', family: 'v4', protocol: 'http' },
  ...{ method: 'GET', target: '/debian/a?b', version: '1.1', status: 200, bytes: 1234, referer: undefined },
  agent: 'curl/8.1',
};
const COMBINED = { format: 'combined', addresses: 'truncated' } as const;
const JSON_LINES = { format: 'json', addresses: 'truncated' } as const;

describe('accessLine', () => {
  it('writes the combined format', () => {
    expect(accessLine(ENTRY, COMBINED)).toBe(
      '192.0.2.0 - - [03/Nov/2026:04:05:06 +0000] "GET /debian/a?b HTTP/1.1" 200 1234 "-" "curl/8.1"\n',
    );
  });

  it('writes JSON', () => {
    expect(JSON.parse(accessLine(ENTRY, JSON_LINES))).toEqual({
      ...{ time: '2026-11-03T04:05:06.789Z', address: '192.0.2.0', zone: 'campus', family: 'v4', protocol: 'http' },
      ...{ method: 'GET', target: '/debian/a?b', version: '1.1', status: 200, bytes: 1234, agent: 'curl/8.1' },
    });
  });

  it.each([
    ['198.51.100.255', 'truncated', '198.51.100.0'],
    ['2001:db8:1:2:3:4:5:6', 'truncated', '2001:db8:1::'],
    ['::ffff:192.0.2.9', 'truncated', '192.0.2.0'],
    ['2001:db8:1:2::6', 'full', '2001:db8:1:2::6'],
    ['192.0.2.9', 'full', '192.0.2.9'],
    ['192.0.2.9', 'none', '-'],
    ['nonsense', 'full', '-'],
    [null, 'truncated', '-'],
  ] as const)('writes of the address %s, %s: %s', (address, addresses, shown) => {
    const line = accessLine({ ...ENTRY, address }, { format: 'combined', addresses });
    expect(line.split(' ')[0]).toBe(shown);
  });

  it('leaves nobody a way to forge a line or a field', () => {
    const forged = accessLine(
      { ...ENTRY, target: '/a" 200 0 "x\r\n192.0.2.1 - -', agent: 'a\\"\x1b[2Jé€\n' },
      COMBINED,
    );
    expect(forged).toBe(
      '192.0.2.0 - - [03/Nov/2026:04:05:06 +0000] "GET /a\\x22 200 0 \\x22x\\x0D\\x0A192.0.2.1 - - HTTP/1.1" 200 1234 ' +
        '"-" "a\\x5C\\x22\\x1B[2J\\xE9\\xE2\\x82\\xAC\\x0A"\n',
    );
  });

  it('is one line with the same fields, whatever is sent', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(text, text, text, (target, referer, agent) => {
        const entry = { ...ENTRY, target, referer, agent };
        const line = accessLine(entry, COMBINED);
        expect(line).toMatch(/^[\x20-\x7e]+\n$/);
        expect(line.match(/"/g)).toHaveLength(6);
        const json = accessLine(entry, JSON_LINES);
        expect(json.indexOf('\n')).toBe(json.length - 1);
        expect(JSON.parse(json)).toMatchObject({ target, referer, agent });
      }),
    );
  });
});
