import { once } from 'node:events';
import { lstat, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { MillpondError, systemCode } from '../../core/errors.js';

/** Longest path of a Unix socket, bytes: `sun_path` of unix(7) holds 108 with its NUL. */
export const LONGEST_SOCKET_PATH = 107;

/**
 * Makes room for a Unix socket at `path`: one that a killed program left is removed, one that somebody listens on and
 * any other file is not. @throws MillpondError `invalid`, `unavailable`
 */
export async function clearSocketPath(path: string): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH)
    throw new MillpondError('invalid', `the path of the socket "${path}" is longer than ${LONGEST_SOCKET_PATH} bytes`, {
      hint: 'Choose a shorter path in listen.',
    });
  const found = await ifThere(lstat(path));
  if (!found && !(await ifThere(lstat(dirname(path)))))
    throw new MillpondError('invalid', `cannot listen on unix:${path}: its folder is not there`, {
      hint: 'Make the folder, or let systemd make it: RuntimeDirectory=millpond in the unit is /run/millpond.',
    });
  if (!found) return;
  if (!found.isSocket())
    throw new MillpondError('invalid', `cannot listen on unix:${path}: what is there is no socket`, {
      hint: 'Choose another path in listen, or remove what is there.',
    });
  if (!(await isListenedOn(path))) await rm(path, { force: true });
}

async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  return found.catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
}

async function isListenedOn(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    return systemCode(error) !== 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}
