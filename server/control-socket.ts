import { once } from 'node:events';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type ServerOptions } from 'node:http';
import { dirname } from 'node:path';
import { MillpondError, messageOf } from '../core/errors.js';
import { LONGEST_SOCKET_PATH } from './listening/unix-socket.js';

const LAST_LINES_MS = 500;

export interface ControlSocket {
  /** Ends all connections and removes the socket. */
  stop(): Promise<void>;
}

/**
 * Listens on the Unix socket `path`, which only this user may use. A socket that a killed program left is replaced:
 * the caller holds the lock of the data folder, so nobody else listens there.
 * @throws MillpondError `invalid` (the path is too long), `unavailable`
 */
export async function openControlSocket(
  path: string,
  handler: RequestListener,
  limits: ServerOptions = {},
): Promise<ControlSocket> {
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH)
    throw new MillpondError(
      'invalid',
      `the path of the control socket "${path}" is longer than ${LONGEST_SOCKET_PATH} bytes`,
      {
        hint: 'Choose a data folder with a shorter path.',
      },
    );
  const server = createServer(limits, handler);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rm(path, { force: true });
    server.listen(path);
    await once(server, 'listening');
    await chmod(path, 0o600);
  } catch (error) {
    server.close();
    throw new MillpondError('unavailable', `the control socket "${path}" cannot be opened: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return {
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      // followers of a log still get its last lines
      const limit = setTimeout(() => server.closeAllConnections(), LAST_LINES_MS);
      await closed;
      clearTimeout(limit);
    },
  };
}
