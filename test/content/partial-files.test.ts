import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { clearPartialFiles, salvagePartialFiles } from '../../content/partial-files.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bytes } from './rsync-copy.js';

test('salvagePartialFiles keeps what a killed rsync was receiving', async () => {
  const folder = await tempFolder();
  const [source, target, partial] = ['source', 'target', 'partial'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [source, target, partial]) mkdirSync(path);
  writeFileSync(join(source, 'big\nfile.tar'), Buffer.alloc(20_000_000, 'x'));
  const args = [
    '-r',
    '--bwlimit=2000',
    `--partial-dir=${partial}`,
    `--temp-dir=${partial}`,
    '--',
    `${source}/`,
    target,
  ];
  const rsync = spawn('rsync', args, { detached: true, stdio: 'ignore' });
  await expect.poll(() => readdirSync(partial).some((name) => sizeOf(join(partial, name)) > 100_000)).toBe(true);
  process.kill(-Number(rsync.pid), 'SIGKILL');
  await once(rsync, 'exit');
  const [temporary] = readdirSync(partial);
  const received = sizeOf(join(partial, String(temporary)));
  expect(await salvagePartialFiles(partial)).toBe(1);
  expect(readdirSync(partial)).toEqual(['big\nfile.tar']);
  expect(sizeOf(join(partial, 'big\nfile.tar'))).toBe(received);
  // and rsync goes on from it
  const out = execFileSync('rsync', ['--stats', '--no-whole-file', ...args.filter((arg) => !/bwlimit/.test(arg))]);
  expect(Number(/Matched data: ([\d,]+)/.exec(out.toString())?.[1]?.replaceAll(',', ''))).toBeGreaterThan(0);
  expect(sizeOf(join(target, 'big\nfile.tar'))).toBe(20_000_000);
});

test('salvagePartialFiles keeps the larger one of two', async () => {
  const folder = await tempFolder();
  const write = (name: string, size: number, mode = 0o600): void =>
    writeFileSync(bytes(folder, name), 'x'.repeat(size), { mode });
  write('more.AbC123', 10);
  write('more', 5, 0o644);
  write('less.AbC123', 5);
  write('less', 10, 0o644);
  write('twice.aaaaaa', 3);
  write('twice.bbbbbb', 4);
  write('.hidden.AbC123', 1);
  write('\xff\n.AbC123', 1);
  expect(await salvagePartialFiles(folder)).toBeGreaterThanOrEqual(4);
  const kept = ['less', 'more', 'twice', '.hidden', '\xff\n'];
  expect(readdirSync(folder, { encoding: 'latin1' as BufferEncoding }).sort()).toEqual([...kept].sort());
  expect(kept.map((name) => statSync(bytes(folder, name)).size)).toEqual([10, 10, 4, 1, 1]);
  expect(await salvagePartialFiles(folder)).toBe(0);
});

test('salvagePartialFiles takes no partial file, link or folder for one that rsync was receiving', async () => {
  const folder = await tempFolder();
  const names = ['disk.iso.sha256', 'plain', 'short.abc', 'odd.ab-123'];
  for (const name of names) writeFileSync(join(folder, name), 'x', { mode: 0o644 });
  symlinkSync('plain', join(folder, 'link.AbC123'));
  mkdirSync(join(folder, 'folder.AbC123'), { mode: 0o700 });
  expect(await salvagePartialFiles(folder)).toBe(0);
  expect(readdirSync(folder).sort()).toEqual([...names, 'folder.AbC123', 'link.AbC123'].sort());
});

test('salvagePartialFiles has nothing to do where no folder is', async () => {
  expect(await salvagePartialFiles(join(await tempFolder(), 'none'))).toBe(0);
});

test('clearPartialFiles leaves an empty folder', async () => {
  const folder = join(await tempFolder(), 'partial');
  await clearPartialFiles(folder);
  writeFileSync(join(folder, 'left'), 'x');
  await clearPartialFiles(folder);
  expect(readdirSync(folder)).toEqual([]);
});

function sizeOf(path: string): number {
  return statSync(path).size;
}
