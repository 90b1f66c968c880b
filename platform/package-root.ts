import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of package.json: the same whether the program runs from its sources or from `dist/`. */
export const PACKAGE_ROOT = findUpwards(dirname(fileURLToPath(import.meta.url)), 'package.json');

/** As package.json has it. @throws Error when the package is incomplete */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { version: string };
  return version;
}

function findUpwards(start: string, name: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, name))) return folder;
    if (folder === dirname(folder)) throw new Error(`no ${name} above ${start}`);
  }
}
