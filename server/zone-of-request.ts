import type { IncomingMessage } from 'node:http';
import type { Settings } from '../config/settings.js';
import { zoneFinder } from '../config/zones.js';
import { peerAddress } from './peer-address.js';

/** The zone of a client by the address of its connection, whatever fields it sends. `settings()` is asked each time. */
export function zoneOfRequest(
  settings: () => Pick<Settings, 'zones'>,
): (request: Pick<IncomingMessage, 'socket'>) => string {
  const finders = new WeakMap<Settings['zones'], ReturnType<typeof zoneFinder>>();
  return ({ socket }) => {
    const { zones } = settings();
    const find = finders.get(zones) ?? zoneFinder(zones.values());
    finders.set(zones, find);
    return find(peerAddress(socket).address);
  };
}
