import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { CHANGE_FORMAT } from '../../content/change-list.js';

/** Runs rsync as a pull does and appends what it changes to the list `log`. */
export function rsyncCopy(source: string, target: string, log: string, options: readonly string[] = []): void {
  mkdirSync(target, { recursive: true });
  const kept = [
    '--recursive',
    '--links',
    '--times',
    '--perms',
    '--hard-links',
    '--modify-window=-1',
    '--delete-during',
  ];
  const list = [`--log-file=${log}`, `--log-file-format=${CHANGE_FORMAT}`];
  execFileSync('rsync', [...kept, ...list, ...options, '--', `${source}/`, `${target}/`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, LANG: 'C.UTF-8' },
  });
}

/** A path below `root` from a latin1 string, one character a byte. */
export function bytes(root: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')]);
}

/** Every path below `root`, folders included, bytes in latin1, with its lstat. */
export function entries(root: string): Map<string, Stats> {
  const found = new Map<string, Stats>();
  const visit = (path: string): void => {
    const folder = path === '' ? Buffer.from(root) : bytes(root, path);
    for (const name of readdirSync(folder, { encoding: 'latin1' as BufferEncoding })) {
      const at = path === '' ? name : `${path}/${name}`;
      const stat = lstatSync(bytes(root, at));
      found.set(at, stat);
      if (stat.isDirectory()) visit(at);
    }
  };
  visit('');
  return found;
}

/** Inode numbers of the files of a tree, by path. */
export function inodes(root: string): Record<string, number> {
  return Object.fromEntries(
    [...entries(root)].filter(([, stat]) => stat.isFile()).map(([path, stat]) => [path, stat.ino]),
  );
}

export function folders(root: string): string[] {
  return [...entries(root)].filter(([, stat]) => stat.isDirectory()).map(([path]) => path);
}

/** Two empty folders and the place of a list below `folder`. */
export function world(folder: string): { source: string; target: string; log: string } {
  const at = { source: join(folder, 'source'), target: join(folder, 'target'), log: join(folder, 'changes') };
  mkdirSync(at.source);
  mkdirSync(at.target);
  return at;
}
