import { constants, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { MillpondError } from '../core/errors.js';
import { runChild } from './child.js';

/** A named pipe that is read for as long as it is open, whoever writes to it and how often they come and go. */
export interface Fifo {
  close(): Promise<void>;
}

/**
 * Makes `path` a named pipe for this user alone, in the place of whatever was there. Writers wait while it is not read:
 * nothing is lost and nothing grows. @throws MillpondError internal
 */
export async function openFifo(path: string, onChunk: (chunk: Buffer) => void): Promise<Fifo> {
  await rm(path, { force: true });
  const made = await runChild('mkfifo', ['-m', '600', '--', path]);
  if (made.code !== 0) throw new MillpondError('internal', `making the pipe "${path}" failed: ${made.stderr.trim()}`);
  // open for writing as well: it never comes to an end when the last writer goes
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const pipe = new Socket({ fd, readable: true, writable: false });
  pipe.on('data', onChunk);
  return {
    async close() {
      pipe.destroy();
      await rm(path, { force: true });
    },
  };
}
