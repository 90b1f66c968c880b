import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { MillpondError, systemCode } from '../core/errors.js';
import type { SecretRef } from '../core/mirror.js';

/** Longest secret, in bytes. */
const LONGEST = 1024;

/**
 * Reads a secret from where the operator keeps it; one newline at its end is cut.
 * @throws MillpondError `invalid`, naming the place and never the value: missing, unreadable, empty, several lines, too
 * long, or a file that every user of the machine can read
 */
export function readSecret(ref: SecretRef, env: Readonly<Record<string, string | undefined>> = process.env): string {
  const place = 'file' in ref ? `the password file "${ref.file}"` : `the environment variable "${ref.env}"`;
  const text = 'file' in ref ? readPrivateFile(ref.file, place) : env[ref.env];
  if (text === undefined) throw refusal(`${place} is not set`);
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw refusal(`${place} is empty`);
  if (Buffer.byteLength(secret) > LONGEST) throw refusal(`${place} holds more than ${LONGEST} bytes`);
  if (/[\0\r\n]/.test(secret)) throw refusal(`${place} holds more than one line`);
  return secret;
}

/**
 * The text of a regular file that not every user of the machine can read, cut soon after `longest` bytes. `place` is
 * how sentences name it.
 * @throws MillpondError `invalid`
 */
export function readPrivateFile(path: string, place: string, longest = LONGEST): string {
  const file = open(path, place);
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw refusal(`${place} is not a regular file`);
    if (stat.mode & 0o007)
      throw new MillpondError('invalid', `${place} is open to every user of this machine`, {
        hint: `Close it: chmod 600 ${path}`,
      });
    const buffer = Buffer.alloc(longest + 3); // one byte too many, and the newline
    return buffer.toString('utf8', 0, readSync(file, buffer));
  } finally {
    closeSync(file);
  }
}

function open(path: string, place: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK); // a FIFO must not hold the program up
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') throw refusal(`${place} does not exist`);
    throw refusal(`${place} cannot be read${code === undefined ? '' : ` (${code})`}`);
  }
}

function refusal(sentence: string): MillpondError {
  return new MillpondError('invalid', sentence);
}
