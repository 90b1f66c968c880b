import { execFileSync } from 'node:child_process';
import { chmod, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSecret } from '../../config/secrets.js';
import { MillpondError } from '../../core/errors.js';
import { tempFolder } from '../fixtures/temp-folder.js';

async function secretFile(content: string, mode = 0o600): Promise<{ file: string }> {
  const file = join(await tempFolder(), 'secret');
  await writeFile(file, content);
  await chmod(file, mode);
  return { file };
}

/** The error that `read` ends with, after a look that it does not hold `value`. */
function refusal(read: () => string, value = 'hunter2'): MillpondError {
  try {
    read();
  } catch (error) {
    if (!(error instanceof MillpondError)) throw error;
    expect(`${error.message} ${error.hint}`).not.toContain(value);
    expect(error.code).toBe('invalid');
    return error;
  }
  throw new Error('it was accepted');
}

describe('readSecret', () => {
  test.each(['hunter2', 'hunter2\n', 'hunter2\r\n'])('reads the file %j and cuts one newline', async (content) => {
    expect(readSecret(await secretFile(content))).toBe('hunter2');
  });

  test('keeps spaces, and lets the group read', async () => {
    expect(readSecret(await secretFile(' pass word \n', 0o640))).toBe(' pass word ');
  });

  test.each([0o604, 0o644, 0o602, 0o601])('refuses a file of mode %o, which everybody may use', async (mode) => {
    const ref = await secretFile('hunter2', mode);
    const error = refusal(() => readSecret(ref));
    expect(error.message).toBe(`the password file "${ref.file}" is open to every user of this machine`);
    expect(error.hint).toBe(`Close it: chmod 600 ${ref.file}`);
  });

  test.each([
    ['', 'is empty'],
    ['\n', 'is empty'],
    ['hunter2\nsecond\n', 'holds more than one line'],
    ['hunter2\n\n', 'holds more than one line'],
    ['hunter2\0', 'holds more than one line'],
    ['hunter2'.repeat(200), 'holds more than 1024 bytes'],
  ])('refuses what it finds in a file, case %#: %s', async (content, sentence) => {
    const ref = await secretFile(content);
    expect(refusal(() => readSecret(ref)).message).toContain(sentence);
  });

  test('says that a file is missing, unreadable, or none', async () => {
    const folder = await tempFolder();
    const at = (name: string): { file: string } => ({ file: join(folder, name) });
    expect(refusal(() => readSecret(at('none'))).message).toContain('does not exist');
    await symlink(at('loop').file, at('loop').file);
    expect(refusal(() => readSecret(at('loop'))).message).toContain('cannot be read (ELOOP)');
    expect(refusal(() => readSecret({ file: folder })).message).toContain('is not a regular file');
    execFileSync('mkfifo', [at('fifo').file]);
    expect(refusal(() => readSecret(at('fifo'))).message).toContain('is not a regular file');
  });

  test('reads the environment', () => {
    expect(readSecret({ env: 'PW' }, { PW: 'hunter2\n' })).toBe('hunter2');
    expect(refusal(() => readSecret({ env: 'PW' }, {})).message).toBe('the environment variable "PW" is not set');
    expect(refusal(() => readSecret({ env: 'PW' }, { PW: '' })).message).toContain('is empty');
    expect(refusal(() => readSecret({ env: 'PW' }, { PW: 'hunter2\nx' })).message).toContain('more than one line');
  });
});
