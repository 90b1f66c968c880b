import { mkdir, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MillpondError, messageOf, systemCode } from '../core/errors.js';

/** Creates the data folder where it does not exist, and returns its real path. @throws MillpondError unavailable */
export async function openDataFolder(folder: string): Promise<string> {
  try {
    await makeFolder(folder);
    return await realpath(folder);
  } catch (error) {
    throw explainDataFolder(folder, error);
  }
}

/** What the operating system refused in the data folder, as a sentence for its operator; other errors as they are. */
export function explainDataFolder(folder: string, error: unknown): unknown {
  // codes of Node itself tell of a fault of this program
  if (error instanceof MillpondError || systemCode(error)?.startsWith('ERR_') !== false) return error;
  return new MillpondError('unavailable', `the data folder "${folder}" cannot be used: ${messageOf(error)}`, {
    hint: 'It must exist or be creatable, and be writable by the user that runs Millpond.',
    cause: error,
  });
}

/** Node's own `recursive` never ends where the parent exists and yet nothing can be made in it, as in /proc. */
async function makeFolder(folder: string): Promise<void> {
  const parent = dirname(folder);
  try {
    await mkdir(folder);
  } catch (error) {
    if (await isFolder(folder)) return;
    if (systemCode(error) !== 'ENOENT' || (await isFolder(parent))) throw error;
    await makeFolder(parent);
    await makeFolder(folder);
  }
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
