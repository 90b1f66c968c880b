import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import type { Zone } from '../../core/zone.js';
import { zoneOfRequest } from '../../server/zone-of-request.js';

function from(address: string): { socket: Socket } {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: address });
  return { socket };
}

test('zoneOfRequest goes by the address of the connection, and by the settings of the moment', () => {
  const zonesOf = (...networks: string[]): Map<string, Zone> => new Map([['lab', { name: 'lab', networks }]]);
  let zones = zonesOf('192.0.2.0/24');
  const zoneOf = zoneOfRequest(() => ({ zones }));
  expect([zoneOf(from('::ffff:192.0.2.1')), zoneOf(from('198.51.100.1'))]).toEqual(['lab', 'public']);
  zones = zonesOf('198.51.100.0/24');
  expect([zoneOf(from('::ffff:192.0.2.1')), zoneOf(from('198.51.100.1'))]).toEqual(['public', 'lab']);
});
