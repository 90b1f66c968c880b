import { expect } from 'vitest';
import { parseSettings } from '../../config/load.js';
import type { Settings } from '../../config/settings.js';
import { MillpondError } from '../../core/errors.js';
import type { TreeMirror } from '../../core/mirror.js';

export const FILE = '/etc/example/millpond.yaml';

/** The settings of `text`, as if it stood in FILE. */
export function parse(text: string): Settings {
  return parseSettings(text, FILE);
}

/** The mirror `m` of a configuration with `lines` as its keys. */
export function mirror(...lines: string[]): TreeMirror {
  const found = parse(['mirrors:', '  m:', ...lines.map((line) => `    ${line}`)].join('\n')).mirrors.get('m');
  if (!found) throw new Error('no mirror "m"');
  return found;
}

/** The lines of the error that `read` ends with, without the first one, which names the file. */
export function problems(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    if (!(error instanceof MillpondError)) throw error;
    const [first, ...rest] = error.message.split('\n');
    expect(error.code).toBe('invalid');
    expect(first).toContain('cannot be used:');
    return rest.map((line) => line.trim());
  }
  throw new Error('it was accepted');
}
