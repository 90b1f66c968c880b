import type { Socket } from 'node:net';
import type { Settings } from '../config/settings.js';
import { descriptorLimit } from '../platform/descriptor-limit.js';
import type { Log } from '../platform/log.js';
import { takePassedSockets } from '../platform/systemd-sockets.js';
import type { Server } from '../server/app.js';
import { ProxyTrust } from '../server/clients/proxy-trust.js';
import { Connections } from '../server/listening/connections.js';
import { HttpListeners } from '../server/listening/listeners.js';

/**
 * What listens for this process, on nothing yet. `settings()` is asked each time. Half of the files that the process may
 * open are for connections, the rest for what is served on them.
 */
export function createListeners(
  server: Pick<Server, 'handler' | 'quick'>,
  settings: () => Settings,
  log: Log,
): HttpListeners {
  const half = Math.floor(descriptorLimit() / 2);
  const connections = new Connections(() => settings().listen.connections ?? half);
  let trust = new ProxyTrust(settings().proxies);
  function isTrustedProxy(socket: Socket): boolean {
    const { proxies } = settings();
    if (proxies !== trust.proxies) trust = new ProxyTrust(proxies);
    return trust.isTrustedPeer(socket.remoteAddress, socket);
  }
  const parts = { handler: server.handler, quick: server.quick, connections, log, isTrustedProxy };
  return new HttpListeners(parts, takePassedSockets(process.env, process.pid));
}
