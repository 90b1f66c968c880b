import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dropPartialFiles, PARTIAL_FOLDER, salvagePartialFiles } from '../../content/partial-files.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../fixtures/tree.js';
import { bytes } from './rsync-copy.js';

const PARTIAL_DIR = `--partial-dir=${PARTIAL_FOLDER}`;

test('salvagePartialFiles keeps what a killed rsync was receiving, and the next one goes on from it', async () => {
  const folder = await tempFolder();
  const [source, target] = [join(folder, 'source'), join(folder, 'target')];
  writeTree(source, { 'deep/er/big\nfile.tar': Buffer.alloc(20_000_000, 'x') });
  mkdirSync(target);
  const args = ['-rt', '--delete-during', PARTIAL_DIR, '--', `${source}/`, target];
  const rsync = spawn('rsync', ['--bwlimit=2000', ...args], { detached: true, stdio: 'ignore' });
  const receiving = (): string | undefined => Object.keys(snapshot(target))[0];
  await expect.poll(() => sizeOf(join(target, receiving() ?? '')) > 100_000).toBe(true);
  process.kill(-Number(rsync.pid), 'SIGKILL');
  await once(rsync, 'exit');
  const received = sizeOf(join(target, String(receiving())));
  expect(await salvagePartialFiles(target)).toBe(1);
  expect(Object.keys(snapshot(target))).toEqual(['deep/er/.~tmp~/big\nfile.tar']);
  expect(sizeOf(join(target, 'deep/er/.~tmp~/big\nfile.tar'))).toBe(received);
  const out = execFileSync('rsync', ['--stats', '--no-whole-file', ...args]);
  expect(Number(/Matched data: ([\d,]+)/.exec(out.toString())?.[1]?.replaceAll(',', ''))).toBeGreaterThan(0);
  expect(snapshot(target)).toEqual(snapshot(source));
  expect(readdirSync(join(target, 'deep/er'))).toEqual(['big\nfile.tar']);
});

test('salvagePartialFiles keeps the larger one of two', async () => {
  const folder = await tempFolder();
  const write = (name: string, size: number, mode = 0o600): void =>
    writeFileSync(bytes(folder, name), 'x'.repeat(size), { mode });
  mkdirSync(join(folder, PARTIAL_FOLDER));
  write('.more.AbC123', 10);
  write('.~tmp~/more', 5, 0o644);
  write('.less.AbC123', 5);
  write('.~tmp~/less', 10, 0o644);
  write('.twice.aaaaaa', 3);
  write('.twice.bbbbbb', 4);
  write('.\xff\n.AbC123', 1);
  await salvagePartialFiles(folder);
  const kept = ['less', 'more', 'twice', '\xff\n'];
  const inPartial = readdirSync(join(folder, PARTIAL_FOLDER), { encoding: 'latin1' as BufferEncoding });
  expect(inPartial.sort()).toEqual([...kept].sort());
  expect(kept.map((name) => statSync(bytes(folder, `.~tmp~/${name}`)).size)).toEqual([10, 10, 4, 1]);
  expect(readdirSync(folder)).toEqual([PARTIAL_FOLDER]);
  expect(await salvagePartialFiles(folder)).toBe(0);
});

test('salvagePartialFiles and dropPartialFiles take no file, link or folder of the tree for one of theirs', async () => {
  const folder = await tempFolder();
  const names = ['.disk.sha256', '.name.AbC123', 'plain.AbC123', '.treeinfo', 'plain'];
  for (const name of names) writeFileSync(join(folder, name), 'x', { mode: 0o644 });
  writeFileSync(join(folder, 'secret.AbC123'), 'x', { mode: 0o600 });
  symlinkSync('plain', join(folder, '.link.AbC123'));
  mkdirSync(join(folder, '.folder.AbC123'), { mode: 0o700 });
  const before = readdirSync(folder);
  expect(await salvagePartialFiles(folder)).toBe(0);
  await dropPartialFiles(folder);
  expect(readdirSync(folder)).toEqual(before);
});

test('dropPartialFiles removes partial files everywhere, and follows no link', async () => {
  const folder = await tempFolder();
  const [tree, outside] = [join(folder, 'tree'), join(folder, 'outside')];
  writeTree(outside, { '.~tmp~/a': '1' });
  writeTree(tree, { 'a/.~tmp~/b': '1', 'a/b': '2', '.~tmp~/c/d': '3' });
  writeFileSync(join(tree, 'a/.c.AbC123'), 'x', { mode: 0o600 });
  symlinkSync(outside, join(tree, 'link'));
  await dropPartialFiles(tree);
  expect(Object.keys(snapshot(tree))).toEqual(['a/b', 'link']);
  expect(readFileSync(join(outside, '.~tmp~/a'), 'utf8')).toBe('1');
});

function sizeOf(path: string): number {
  const found = statSync(path);
  return found.isFile() ? found.size : 0;
}
