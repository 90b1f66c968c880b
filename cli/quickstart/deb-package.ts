import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runTool } from './run-tool.js';

/** A Debian package of our own. */
export interface DebSpec {
  readonly name: string;
  readonly version: string;
  /** Default `all`. */
  readonly architecture?: string;
  readonly description: string;
  /** Absolute path on the machine that installs it, to its text; paths below `/usr/bin/` are executable. */
  readonly files: Readonly<Record<string, string>>;
}

/** Where `spec` belongs in an archive, relative to its root (Debian Policy 5.6.1 names, pool layout of dak). */
export function poolPath(spec: DebSpec): string {
  const file = `${spec.name}_${spec.version}_${spec.architecture ?? 'all'}.deb`;
  return join('pool', 'main', spec.name.slice(0, 1), spec.name, file);
}

/**
 * Builds the package at `target`, complete or not at all; `work` is a folder on the same file system that is free to use.
 * Equal specs give equal bytes. @throws MillpondError unavailable (dpkg-deb is missing or fails)
 */
export async function buildDeb(spec: DebSpec, target: string, work: string): Promise<void> {
  const tree = join(work, `${spec.name}-${spec.version}`);
  await rm(tree, { recursive: true, force: true });
  await writeInto(tree, 'DEBIAN/control', controlText(spec), 0o644);
  for (const [path, text] of Object.entries(spec.files))
    await writeInto(tree, path, text, path.startsWith('/usr/bin/') ? 0o755 : 0o644);
  const built = `${tree}.deb`;
  await runTool('dpkg-deb', ['--root-owner-group', '--build', tree, built], {
    env: { SOURCE_DATE_EPOCH: '1700000000' }, // no time of building in it: a repeated build is the same file
  });
  await mkdir(dirname(target), { recursive: true });
  await rename(built, target);
  await rm(tree, { recursive: true });
}

function controlText(spec: DebSpec): string {
  return [
    `Package: ${spec.name}`,
    `Version: ${spec.version}`,
    `Architecture: ${spec.architecture ?? 'all'}`,
    'Maintainer: Millpond <millpond@localhost>',
    'Section: misc',
    'Priority: optional',
    `Description: ${spec.description}`,
    '',
  ].join('\n');
}

/** Modes are set apart from writing, since dpkg-deb refuses what a strict umask makes of them. */
async function writeInto(tree: string, path: string, text: string, mode: number): Promise<void> {
  let folder = tree;
  for (const segment of ['', ...dirname(path).split('/').filter(Boolean)]) {
    folder = join(folder, segment);
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
  }
  const file = join(tree, path);
  await writeFile(file, text);
  await chmod(file, mode);
}
