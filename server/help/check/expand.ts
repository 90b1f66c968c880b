import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../../core/errors.js';
import { compareVersions } from '../../../core/version-order.js';

/** A path with its variables filled in, and what each of them is. */
export interface Expanded {
  readonly path: string;
  readonly values: Readonly<Record<string, string>>;
}

/** Values become part of configurations: names of a tree that hold anything else are passed over. */
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/;
/** Names in a folder that are looked at. */
const MOST_NAMES = 1000;
const VARIABLE = /\$\{?([a-z]+)\}?/;

/**
 * The paths below `tree` that a pattern such as `$releasever/os/$basearch` names, with `suffix` beside it. Names come in
 * the order of `preferred`, then from the newest version to the oldest.
 */
export async function* expand(
  { tree, pattern, suffix }: { tree: string; pattern: string; suffix: (values: Expanded['values']) => string },
  preferred: Readonly<Record<string, readonly string[]>>,
): AsyncGenerator<Expanded> {
  const parts = pattern.split('/').filter(Boolean);
  yield* below({ path: '', values: {} }, parts);

  async function* below({ path, values }: Expanded, [part, ...rest]: readonly string[]): AsyncGenerator<Expanded> {
    if (part === undefined) {
      if (await isThere(join(tree, path, suffix(values)))) yield { path, values };
      return;
    }
    const filled = part.replace(/\$\{?([a-z]+)\}?/g, (whole, name: string) => values[name] ?? whole);
    const [whole, variable] = VARIABLE.exec(filled) ?? [];
    if (whole === undefined || variable === undefined) {
      yield* below({ path: `${path}/${filled}`, values }, rest);
      return;
    }
    const [before = '', after = ''] = filled.split(whole);
    for (const name of await namesIn(join(tree, path), preferred[variable] ?? [])) {
      const value = name.slice(before.length, name.length - after.length);
      if (!name.startsWith(before) || !name.endsWith(after) || !PLAIN.test(value)) continue;
      yield* below({ path: `${path}/${name}`, values: { ...values, [variable]: value } }, rest);
    }
  }
}

async function namesIn(folder: string, preferred: readonly string[]): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of await opendir(folder)) if (names.push(entry.name) >= MOST_NAMES) break;
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  const place = (name: string): number => (preferred.includes(name) ? preferred.indexOf(name) : preferred.length);
  return names.sort((one, other) => place(one) - place(other) || compareVersions(other, one));
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(systemCode(error) ?? '');
}
