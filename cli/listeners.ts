import type { Socket } from 'node:net';
import type { Settings } from '../config/settings.js';
import { descriptorLimit } from '../platform/descriptor-limit.js';
import type { Log } from '../platform/log.js';
import type { Server } from '../server/app.js';
import { ProxyTrust } from '../server/clients/proxy-trust.js';
import { Connections } from '../server/listening/connections.js';
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
  });
  let trust = new ProxyTrust(settings().proxies);
  function isTrustedProxy(socket: Socket): boolean {
    const { proxies } = settings();
    if (proxies !== trust.proxies) trust = new ProxyTrust(proxies);
    return trust.isTrustedPeer(socket.remoteAddress, socket);
  }
  return { handler: server.handler, quick: server.quick, connections, log, isTrustedProxy };
}
