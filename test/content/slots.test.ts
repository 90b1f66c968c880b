import {
  appendFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { changeListSize, readChanges } from '../../content/change-list.js';
import { linkTree, replayChanges, restoreDeleted } from '../../content/slots.js';
import { processesWithEnvironment } from '../../platform/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../fixtures/tree.js';
import { folders, inodes, rsyncCopy, world } from './rsync-copy.js';

const STAMP = '2026/11/23 23:42:26 [3169] ';

interface Slots {
  readonly folder: string;
  readonly up: string;
  readonly live: string;
  readonly staging: string;
  readonly list: string;
}

/** A live slot with `before`, and a staging slot that was made equal to it by linking. */
async function slots(before: (up: string) => void): Promise<Slots> {
  const folder = await tempFolder();
  const at = { folder, up: join(folder, 'up'), live: join(folder, 'a'), staging: join(folder, 'b') };
  mkdirSync(at.up);
  before(at.up);
  rsyncCopy(at.up, at.live, join(folder, 'first'));
  await linkTree(at.live, `${at.staging}.new`, at.staging);
  return { ...at, list: join(folder, 'changes') };
}

/** Changes upstream, pulls into the live slot with a list, and replays that on the other slot. */
async function replayed(at: Slots, change: (up: string) => void): Promise<number> {
  change(at.up);
  rsyncCopy(at.up, at.live, at.list);
  return replayChanges(at.list, at.live, at.staging);
}

function expectEqual(at: Slots): void {
  expect(snapshot(at.staging)).toEqual(snapshot(at.live));
  expect(inodes(at.staging)).toEqual(inodes(at.live));
  expect(folders(at.staging)).toEqual(folders(at.live));
}

function listOf(at: { list: string }, ...records: string[]): void {
  for (const record of records) appendFileSync(at.list, Buffer.from(`${STAMP}${record}\n`, 'latin1'));
}

describe('linkTree', () => {
  test('shares the inodes of all files, and copies folders and links', async () => {
    const { source, target } = world(await tempFolder());
    rmSync(target, { recursive: true });
    writeTree(source, { 'a/b/c': '1', d: '2', 'with\nnewline': '3' });
    linkSync(join(source, 'd'), join(source, 'hard'));
    symlinkSync('a/b', join(source, 'link'));
    symlinkSync('nowhere', join(source, 'dangling'));
    mkdirSync(join(source, 'empty'));
    await linkTree(source, `${target}.new`, target);
    expect(snapshot(target)).toEqual(snapshot(source));
    expect(inodes(target)).toEqual(inodes(source));
    expect(folders(target)).toEqual(folders(source));
    expect(existsSync(`${target}.new`)).toBe(false);
  });

  test('starts anew over what an earlier one left half made', async () => {
    const { source, target } = world(await tempFolder());
    rmSync(target, { recursive: true });
    writeTree(source, { a: '1' });
    writeTree(`${target}.new`, { 'half/made': 'x' });
    await linkTree(source, `${target}.new`, target);
    expect(snapshot(target)).toEqual(snapshot(source));
  });

  test('leaves nothing under the final name when it is ended half-way', async () => {
    const { source, target } = world(await tempFolder());
    rmSync(target, { recursive: true });
    for (let n = 0; n < 3_000; n++) writeTree(source, { [`${n % 50}/${n}`]: '' });
    const controller = new AbortController();
    const linking = linkTree(source, `${target}.new`, target, {
      signal: controller.signal,
      env: { MILLPOND_TEST_LINK: target },
    });
    const ended = expect(linking).rejects.toThrow('enough');
    await expect.poll(() => existsSync(`${target}.new`), { interval: 1 }).toBe(true);
    controller.abort(new Error('enough'));
    await ended;
    expect(existsSync(target)).toBe(false);
    expect(await processesWithEnvironment('MILLPOND_TEST_LINK', target)).toEqual([]);
  });

  test('says what could not be linked, and leaves nothing under the final name', async () => {
    const { source, target } = world(await tempFolder());
    rmSync(target, { recursive: true });
    await expect(linkTree(join(source, 'missing'), `${target}.new`, target)).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('missing') as string,
    });
    expect(existsSync(target)).toBe(false);
  });
});

describe('replayChanges makes a slot equal to the live one', () => {
  const cases: Record<string, { before: (up: string) => void; change: (up: string) => void }> = {
    'new, changed and deleted files': {
      before: (up) => writeTree(up, { same: '1', changed: '1', 'sub/gone': '1', 'sub/stays': '1' }),
      change: (up) => {
        writeTree(up, { changed: 'two', 'sub/new': 'n', 'deep/er/new': 'n' });
        rmSync(join(up, 'sub/gone'));
      },
    },
    'a file that becomes a folder': {
      before: (up) => writeTree(up, { x: 'file', y: '1' }),
      change: (up) => {
        rmSync(join(up, 'x'));
        writeTree(up, { 'x/inside/deep': '1', 'x/beside': '2' });
      },
    },
    'a folder with contents that becomes a file': {
      before: (up) => writeTree(up, { 'x/inside/deep': '1', 'x/beside': '2' }),
      change: (up) => {
        rmSync(join(up, 'x'), { recursive: true });
        writeTree(up, { x: 'file' });
      },
    },
    'a folder that becomes a link to another': {
      before: (up) => writeTree(up, { 'x/same': '1', 'x/only here': '1', 'd/same': '2', 'd/other': '3' }),
      change: (up) => {
        rmSync(join(up, 'x'), { recursive: true });
        symlinkSync('d', join(up, 'x'));
      },
    },
    'a link to a folder that becomes a folder': {
      before: (up) => {
        writeTree(up, { 'd/same': '1', 'd/other': '2' });
        symlinkSync('d', join(up, 'x'));
      },
      change: (up) => {
        rmSync(join(up, 'x'));
        writeTree(up, { 'x/same': 'another', 'x/sub/new': 'n' });
      },
    },
    'a link that becomes a file, and a file that becomes a link': {
      before: (up) => {
        writeTree(up, { t: 'target', f: 'file' });
        symlinkSync('t', join(up, 'l'));
      },
      change: (up) => {
        rmSync(join(up, 'l'));
        rmSync(join(up, 'f'));
        writeTree(up, { l: 'now a file' });
        symlinkSync('t', join(up, 'f'));
      },
    },
    'a link that leads elsewhere': {
      before: (up) => {
        writeTree(up, { one: '1', two: '2' });
        symlinkSync('one', join(up, 'l'));
      },
      change: (up) => {
        rmSync(join(up, 'l'));
        symlinkSync('two', join(up, 'l'));
      },
    },
    'deleted folders with all that is in them': {
      before: (up) => writeTree(up, { 'x/1/2/3/f': '1', 'x/1/g': '1', 'x/h': '1', stays: '1' }),
      change: (up) => rmSync(join(up, 'x'), { recursive: true }),
    },
    'hard links that are made, changed and parted': {
      before: (up) => {
        writeTree(up, { a: 'a', p: 'p' });
        linkSync(join(up, 'a'), join(up, 'b'));
        linkSync(join(up, 'p'), join(up, 'q'));
      },
      change: (up) => {
        linkSync(join(up, 'a'), join(up, 'c'));
        rmSync(join(up, 'q'));
        writeTree(up, { q: 'on its own' });
      },
    },
    'names that are hard to write': {
      before: (up) => writeTree(up, { 'new\nline': '1', 'b\\#101': '1', 'blank ': '1' }),
      change: (up) => {
        writeTree(up, { 'new\nline': 'two', 'b\\#101': 'two', 'tab\t/per%cent': 'x' });
        rmSync(join(up, 'blank '));
      },
    },
  };

  test.each(Object.entries(cases))('%s', async (_, { before, change }) => {
    const at = await slots(before);
    await replayed(at, change);
    expectEqual(at);
    await replayChanges(at.list, at.live, at.staging);
    expectEqual(at);
  });

  test('keeps the inodes of hard-linked files one', async () => {
    const at = await slots((up) => writeTree(up, { a: '1' }));
    await replayed(at, (up) => {
      writeTree(up, { 'x/one': 'same' });
      linkSync(join(up, 'x/one'), join(up, 'x/two'));
    });
    expect(statSync(join(at.staging, 'x/one')).ino).toBe(statSync(join(at.staging, 'x/two')).ino);
  });

  test('is of use after a change of many kinds at once, again and again', async () => {
    const at = await slots((up) => writeTree(up, { 'a/1': '1', 'b/1': '1', c: '1' }));
    await replayed(at, (up) => {
      renameSync(join(up, 'a'), join(up, 'moved'));
      rmSync(join(up, 'c'));
      writeTree(up, { 'c/now/folder': '1', 'b/1': 'changed' });
    });
    expectEqual(at);
    await replayed(at, (up) => {
      rmSync(join(up, 'c'), { recursive: true });
      rmSync(join(up, 'b'), { recursive: true });
      writeTree(up, { c: 'file again', 'moved/2': '2' });
      symlinkSync('moved', join(up, 'b'));
    });
    expectEqual(at);
  });

  test('looks only at what changed of 20,000 files', async () => {
    const at = await slots((up) => {
      for (let n = 0; n < 200; n++) {
        mkdirSync(join(up, `${n}`));
        for (let m = 0; m < 100; m++) writeFileSync(join(up, `${n}/${m}`), '');
      }
    });
    // a walk would find this, and read this folder
    rmSync(join(at.staging, '7/7'));
    const untouched = join(at.staging, '150');
    utimesSync(untouched, 1000, 1000);
    const count = await replayed(at, (up) =>
      writeTree(up, { '1/1': 'x', '2/2': 'x', '3/new': 'x', '4/4': 'x', '5/5': 'x' }),
    );
    expect(count).toBe(5);
    expect(existsSync(join(at.staging, '7/7'))).toBe(false);
    expect(statSync(untouched).atimeMs).toBe(1_000_000);
    expect(statSync(join(at.staging, '3/new')).ino).toBe(statSync(join(at.live, '3/new')).ino);
  });

  test('does without a list', async () => {
    const at = await slots((up) => writeTree(up, { a: '1' }));
    expect(await replayChanges(join(at.folder, 'none'), at.live, at.staging)).toBe(0);
    expectEqual(at);
  });
});

describe('replayChanges with a list or a slot that is not to be trusted', () => {
  async function withOutside(): Promise<Slots & { outside: string }> {
    const at = await slots((up) => writeTree(up, { 'sub/file': 'ours', other: 'o' }));
    const outside = join(at.folder, 'outside');
    writeTree(outside, { file: 'theirs', 'deep/file': 'theirs' });
    return { ...at, outside };
  }

  test('never follows a link of the slot to outside, neither to write nor to delete', async () => {
    const at = await withOutside();
    const before = snapshot(at.outside);
    rmSync(join(at.staging, 'sub'), { recursive: true });
    symlinkSync(at.outside, join(at.staging, 'sub'));
    writeTree(at.live, { 'sub/new/deep': 'n' });
    listOf(at, '>f+++++++++ 4 sub/file', '>f+++++++++ 4 sub/new/deep', '*deleting   0 sub/deep/file');
    await replayChanges(at.list, at.live, at.staging);
    expect(snapshot(at.outside)).toEqual(before);
    expect(readlinkSync(join(at.staging, 'sub'))).toBe(at.outside);
  });

  test('takes such a link away where the list says that a folder is there now', async () => {
    const at = await withOutside();
    const before = snapshot(at.outside);
    rmSync(join(at.staging, 'sub'), { recursive: true });
    symlinkSync(at.outside, join(at.staging, 'sub'));
    listOf(at, 'cd+++++++++ 4096 sub/', '>f+++++++++ 4 sub/file');
    await replayChanges(at.list, at.live, at.staging);
    expect(snapshot(at.outside)).toEqual(before);
    expectEqual(at);
  });

  test('never takes anything from behind a link of the live tree', async () => {
    const at = await withOutside();
    rmSync(join(at.live, 'sub'), { recursive: true });
    symlinkSync(at.outside, join(at.live, 'sub'));
    listOf(at, '>f+++++++++ 4 sub/file', '>f+++++++++ 4 sub/deep/file');
    await replayChanges(at.list, at.live, at.staging);
    expect(existsSync(join(at.staging, 'sub/deep'))).toBe(false);
    expect(existsSync(join(at.staging, 'sub/file'))).toBe(false);
  });

  test('ignores paths that lead out, cannot be, or are no changes', async () => {
    const at = await withOutside();
    const before = snapshot(at.folder);
    listOf(
      at,
      '*deleting   0 ../outside/file',
      `>f+++++++++ 4 ${'n'.repeat(300)}`,
      `>f+++++++++ 4 ${'l/'.repeat(3000)}x`,
    );
    listOf(at, '>f+++++++++ 4 other/is/a/file', '>f+++++++++ 4 zero\0byte', '.d..t...... 4096 ./');
    await replayChanges(at.list, at.live, at.staging);
    rmSync(at.list);
    expect(snapshot(at.folder)).toEqual(before);
  });

  test('leaves a folder that is not empty to rsync', async () => {
    const at = await slots((up) => writeTree(up, { 'x/known': '1', y: '1' }));
    writeTree(at.staging, { 'x/unknown': 'left by a killed run' });
    await replayed(at, (up) => rmSync(join(up, 'x'), { recursive: true }));
    expect(readdirSync(join(at.staging, 'x'))).toEqual(['unknown']);
  });
});

describe('restoreDeleted', () => {
  test('brings back what a run deleted, with its inodes, and takes it off the list', async () => {
    const at = await slots((up) => {
      writeTree(up, { 'x/1/f': '1', 'x/g': '2', 'new\nline': '3', stays: '4' });
      symlinkSync('stays', join(up, 'link'));
    });
    for (const path of ['x', 'new\nline', 'link']) rmSync(join(at.up, path), { recursive: true });
    writeTree(at.up, { new: 'came as well' });
    rsyncCopy(at.up, at.staging, at.list);
    expect(await restoreDeleted(at.list, at.live, at.staging)).toBe(6);
    rmSync(join(at.staging, 'new'));
    expectEqual(at);
    const left: string[] = [];
    for await (const change of readChanges(at.list))
      if (change.path !== '.') left.push(`${change.kind} ${change.path}`);
    expect(left).toContain('file new');
    expect(left.filter((entry) => entry.startsWith('deleted'))).toEqual([]);
    expect(await changeListSize(`${at.list}.new`)).toBe(0);
  });

  test('never overwrites what is there, nor follows a link', async () => {
    const at = await slots((up) => writeTree(up, { 'x/f': 'live', g: 'live' }));
    const outside = join(at.folder, 'outside');
    mkdirSync(outside);
    rmSync(join(at.staging, 'x'), { recursive: true });
    symlinkSync(outside, join(at.staging, 'x'));
    rmSync(join(at.staging, 'g'));
    writeTree(at.staging, { g: 'newer' });
    listOf(at, '*deleting   0 x/f', '*deleting   0 g', '*deleting   0 never/was');
    expect(await restoreDeleted(at.list, at.live, at.staging)).toBe(0);
    expect(readFileSync(join(at.staging, 'g'), 'utf8')).toBe('newer');
    expect(readdirSync(outside)).toEqual([]);
    expect(lstatSync(join(at.staging, 'x')).isSymbolicLink()).toBe(true);
  });
});
