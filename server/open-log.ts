import { open, type FileHandle } from 'node:fs/promises';
import { systemCode } from '../core/errors.js';

/** The log of a run, or null when it is not there: not yet, or not any more. */
export async function openLog(file: string): Promise<FileHandle | null> {
  try {
    return await open(file, 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}
