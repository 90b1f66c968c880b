import { appendFileSync, linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { changeListSize, dropDeletions, parseChange, readChanges, type Change } from '../../content/change-list.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bytes, rsyncCopy, world } from './rsync-copy.js';

const STAMP = '2026/11/23 23:42:26 [3169] ';

async function changesIn(list: string, from = 0): Promise<Change[]> {
  const found: Change[] = [];
  for await (const change of readChanges(list, from)) found.push(change);
  return found;
}

/** The changes that were read from `text`. */
async function changesOf(text: string): Promise<Change[]> {
  const list = join(await tempFolder(), 'changes');
  writeFileSync(list, Buffer.from(text, 'latin1'));
  return changesIn(list);
}

const pathsOf = (changes: readonly Change[]): string[] => changes.map(({ path }) => path).sort();

const HARD_NAMES = [
  'new\nline',
  '\nat the start',
  'at the end\n',
  'two\n\nlines',
  'tab\there',
  'carriage\rreturn',
  'escape\x1b[31m',
  'delete\x7f',
  `"quoted" and 'quoted'`,
  'percent %n %% %i',
  'back\\slash',
  'looks\\#101escaped',
  'utf-8 \xc3\xbc\xe6\xb0\xb4',
  'not utf-8 \xff\xfe',
  'blank at the end ',
  ' blank at the start',
  '12 34',
  'arrow -> name',
  '-',
  '*deleting',
  '[3169] >f+++++++++ 2 x',
];

describe('readChanges of what rsync writes', () => {
  test.each(HARD_NAMES)('has the name %j as it is on disk', async (name) => {
    const { source, target, log } = world(await tempFolder());
    mkdirSync(bytes(source, 'in'));
    for (const path of [name, `in/${name}`]) writeFileSync(bytes(source, path), 'xyz');
    rsyncCopy(source, target, log);
    const made = (await changesIn(log)).filter(({ kind }) => kind === 'file');
    expect(made).toEqual(
      expect.arrayContaining([
        { kind: 'file', created: true, attributesOnly: false, size: 3, folder: false, path: name },
        { kind: 'file', created: true, attributesOnly: false, size: 3, folder: false, path: `in/${name}` },
      ]),
    );
    rmSync(bytes(source, name));
    const from = await changeListSize(log);
    rsyncCopy(source, target, log);
    expect((await changesIn(log, from)).filter(({ kind }) => kind === 'deleted')).toEqual([
      { kind: 'deleted', created: false, attributesOnly: false, size: 0, folder: false, path: name },
    ]);
  });

  test('tells folders, links, hard links, new content, new times and what was deleted apart', async () => {
    const { source, target, log } = world(await tempFolder());
    for (const path of ['folder', 'leaves']) mkdirSync(join(source, path));
    writeFileSync(join(source, 'folder/file'), 'four');
    writeFileSync(join(source, 'leaves/file'), 'gone');
    linkSync(join(source, 'folder/file'), join(source, 'hard'));
    symlinkSync('folder/file', join(source, 'link'));
    rsyncCopy(source, target, log);
    const first = new Map((await changesIn(log)).map((change) => [change.path, change]));
    expect(first.get('folder')).toMatchObject({ kind: 'folder', created: true, folder: true });
    expect(first.get('folder/file')).toMatchObject({ kind: 'file', created: true, size: 4, folder: false });
    expect(first.get('hard')).toMatchObject({ kind: 'file', created: true });
    expect(first.get('link')).toMatchObject({ kind: 'link', created: true });

    const from = await changeListSize(log);
    rmSync(join(source, 'leaves'), { recursive: true });
    writeFileSync(join(source, 'folder/file'), 'longer');
    rsyncCopy(source, target, log);
    const second = await changesIn(log, from);
    expect(second.find(({ path }) => path === 'folder/file')).toMatchObject({ kind: 'file', created: false, size: 6 });
    expect(second.filter(({ kind }) => kind === 'deleted').map(({ path, folder }) => [path, folder])).toEqual([
      ['leaves/file', false],
      ['leaves', true],
    ]);
    expect(second.find(({ path }) => path === '.')).toMatchObject({ attributesOnly: true, folder: true });
  });

  test('has all of 5,000 files, and an empty list when nothing changed', async () => {
    const { source, target, log } = world(await tempFolder());
    mkdirSync(join(source, 'many'));
    const names = Array.from({ length: 5_000 }, (_, index) => `many/file-${index}`);
    for (const name of names) writeFileSync(join(source, name), '');
    rsyncCopy(source, target, log);
    expect(pathsOf((await changesIn(log)).filter(({ kind }) => kind === 'file'))).toEqual([...names].sort());
    const from = await changeListSize(log);
    rsyncCopy(source, target, log);
    expect(await changeListSize(log)).toBeGreaterThan(from);
    expect(await changesIn(log, from)).toEqual([]);
  });

  test('goes on after a path that is too long for a line of rsync', async () => {
    const { source, target, log } = world(await tempFolder());
    const deep = Array.from({ length: 12 }, () => 'n'.repeat(200)).join('/');
    mkdirSync(join(source, 'a', deep), { recursive: true });
    writeFileSync(join(source, 'a', deep, 'file'), 'x');
    writeFileSync(join(source, 'b'), 'x');
    mkdirSync(join(source, 'c'));
    writeFileSync(join(source, 'c/after'), 'x');
    rsyncCopy(source, target, log);
    expect(pathsOf(await changesIn(log))).toEqual(expect.arrayContaining(['a', 'b', 'c', 'c/after']));
  });
});

describe('readChanges of a list that is not as it should be', () => {
  test('has nothing of a list that is missing', async () => {
    const list = join(await tempFolder(), 'changes');
    expect(await changesIn(list)).toEqual([]);
    expect(await changeListSize(list)).toBe(0);
  });

  test('leaves a torn last line out, and reads what was appended behind it', async () => {
    const list = join(await tempFolder(), 'changes');
    writeFileSync(list, `${STAMP}>f+++++++++ 2 whole\n${STAMP}>f+++++++++ 2 tor`);
    expect(pathsOf(await changesIn(list))).toEqual(['whole']);
    appendFileSync(list, `${STAMP}>f+++++++++ 2 next\n`);
    expect(pathsOf(await changesIn(list))).toEqual(['next', 'tor', 'whole']);
  });

  test('reads names with newlines and backslashes as rsync 3.2 writes them, bare', async () => {
    const text =
      `${STAMP}building file list\n${STAMP}>f+++++++++ 1 b\\#101\n${STAMP}>f+++++++++ 1 new\n\nline\n\n` +
      `${STAMP}>f+++++++++ 2 zz\n${STAMP}*deleting   0 gone\nby\n${STAMP}sent 16448 bytes  received 378 bytes\n`;
    expect((await changesOf(text)).map(({ path }) => path)).toEqual(['b\\#101', 'new\n\nline\n', 'zz', 'gone\nby']);
  });

  test('ignores lines that only look like changes', async () => {
    const lines = [
      '>f+++++++++ 2 without a stamp',
      `${STAMP}>f++++++++ 2 one sign short`,
      `${STAMP}>x+++++++++ 2 of no kind`,
      `${STAMP}>f+++++++++ many sizes`,
      `${STAMP}>f+++++++++ 2 `,
      `${STAMP}deleting 0 file`,
      `${STAMP}Number of files: 5 (reg: 3, dir: 2)`,
      `${STAMP}rsync: [sender] link_stat "/x" failed: No such file or directory (2)`,
      '',
      '\0\0\0\0\0\0',
    ];
    expect(await changesOf(lines.map((line) => `${line}\n`).join(''))).toEqual([]);
  });

  test.each(['../outside', 'a/../../outside', '..', '/absolute', 'a/..', 'zeroed\0\0\0', '../', 'zero\\#000'])(
    'never names the path %j',
    async (path) => {
      expect(await changesOf(`${STAMP}>f+++++++++ 2 ${path}\n${STAMP}*deleting   0 ${path}\n`)).toEqual([]);
    },
  );

  test('keeps no more than a bounded part of what has no end', async () => {
    const noise = 'x'.repeat(3_000_000);
    const changes = await changesOf(`${noise}${STAMP}>f+++++++++ 2 found\n${noise}\n${STAMP}>f+++++++++ 2 after\n`);
    expect(changes.at(-1)?.path).toBe('after');
    expect(Math.max(...changes.map(({ path }) => path.length))).toBeLessThan(400_000);
  });
});

test('parseChange knows names that were written with octal numbers', () => {
  const path = (name: string) => parseChange(`${STAMP}>f+++++++++ 1 ${name}`)?.path;
  expect(path('new\\#012line')).toBe('new\nline');
  expect(path('b\\#134#101')).toBe('b\\#101');
  expect(path('b\\#101')).toBe('b\\#101');
  expect(path('b\\#1')).toBe('b\\#1');
});

test('dropDeletions takes only the deletions off the list', async () => {
  const list = join(await tempFolder(), 'changes');
  const kept = `${STAMP}building file list\n${STAMP}>f+++++++++ 2 new\nline\n`;
  writeFileSync(list, `${kept}${STAMP}*deleting   0 gone\n${STAMP}*deleting   0 folder/\n${STAMP}.d..t...... 1 ./\n`);
  await dropDeletions(list);
  expect(readFileSync(list, 'utf8')).toBe(`${kept}${STAMP}.d..t...... 1 ./\n`);
});
