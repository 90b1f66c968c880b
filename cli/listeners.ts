import type { Socket } from 'node:net';
import type { Settings } from '../config/settings.js';
import { PUBLIC_ZONE } from '../core/zone.js';
import { descriptorLimit } from '../platform/descriptor-limit.js';
import type { Log } from '../platform/log.js';
import type { Server } from '../server/app.js';
import { clientFinder } from '../server/clients/client-finder.js';
import { ProxyTrust } from '../server/clients/proxy-trust.js';
import { Connections, type Reserve } from '../server/listening/connections.js';
import type { ListenerParts } from '../server/listening/listener.js';

/**
 * What listeners of this process are given. `settings()` is asked each time. Half of the files that the process may open
 * are for connections, the rest for what is served on them; of a limit, each worker has its part.
 */
export function listenerParts(
  server: Pick<Server, 'handler' | 'quick'>,
  settings: () => Settings,
  log: Log,
): ListenerParts {
  const half = Math.floor(descriptorLimit() / 2);
  const connections = new Connections(() => {
    const { listen, workers } = settings();
    return listen.connections === null ? half : Math.ceil(listen.connections / Math.max(1, workers));
  }, reserveOf(settings));
  let trust = new ProxyTrust(settings().proxies);
  function isTrustedProxy(socket: Socket): boolean {
    const { proxies } = settings();
    if (proxies !== trust.proxies) trust = new ProxyTrust(proxies);
    return trust.isTrustedPeer(socket.remoteAddress, socket);
  }
  return { handler: server.handler, quick: server.quick, connections, log, isTrustedProxy };
}

/** Of the places, a tenth is kept free of `public`, and at least so many; of few places, half. */
const RESERVED_SHARE = 0.1;
const RESERVED_LEAST = 8;

/**
 * The last places are for clients in other zones than `public`, where there are any. Whose requests come through a
 * trusted proxy that says so in a header field is not known of its connections: they are nobody's in particular.
 */
function reserveOf(settings: () => Settings): Reserve {
  const clientOf = clientFinder(settings);
  const hasOthers = (): boolean => [...settings().zones.keys()].some((name) => name !== PUBLIC_ZONE);
  return {
    placesOf: (most) =>
      hasOthers() ? Math.min(Math.max(Math.ceil(most * RESERVED_SHARE), RESERVED_LEAST), Math.floor(most / 2)) : 0,
    isPublic(socket) {
      const { zone, isProxied } = clientOf({ socket, headers: {} });
      return zone === PUBLIC_ZONE && !isProxied;
    },
  };
}
