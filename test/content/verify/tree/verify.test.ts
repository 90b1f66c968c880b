import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { verify } from '../../../../content/verify/tree/verify.js';
import type { Change } from '../../../../content/change-list.js';
import { MAX_FINDINGS, type Finding } from '../../../../content/verify/verifier.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';
import { writeTree } from '../../../fixtures/tree.js';
import { bytes } from '../../rsync-copy.js';

const LEADS_OUT = 'is a link that leads out of the tree';

async function check(root: string, changed?: readonly string[]): Promise<Pick<Finding, 'path' | 'problem'>[]> {
  const changes = changed ? () => asList(changed) : null;
  const { findings } = await verify({ root, changes, signal: new AbortController().signal });
  return findings.map(({ path, problem, fetchAgain }) => {
    expect(fetchAgain).toEqual([]);
    return { path: Buffer.from(path, 'latin1').toString('utf8'), problem };
  });
}

async function* asList(paths: readonly string[]): AsyncGenerator<Change> {
  for (const path of paths)
    yield await Promise.resolve({ kind: 'other', created: true, attributesOnly: false, size: 0, folder: false, path });
}

/** A tree with a few files, two levels deep, within a folder that holds something else. */
async function tree(): Promise<string> {
  const root = join(await tempFolder(), 'slot');
  writeTree(root, { 'd/file': '1', 'd/e/file': '2', top: '3', '../outside/secret': 's' });
  return root;
}

describe('verify of links', () => {
  test.each([
    ['top', 'link'],
    ['d/e/file', 'link'],
    ['./d/./e//file', 'link'],
    ['../../top', 'd/e/link'],
    ['..', 'd/e/link'],
    ['.', 'link'],
    ['nowhere/at/all', 'link'],
    ['../e/link', 'd/e/link'],
    ['link', 'link'],
    ['d', 'link'],
  ])('lets %j at %j be', async (target, at) => {
    const root = await tree();
    symlinkSync(target, join(root, at));
    expect(await check(root)).toEqual([]);
    expect(await check(root, [at])).toEqual([]);
  });

  test.each([
    ['/etc/passwd', 'link'],
    ['/', 'd/link'],
    ['..', 'link'],
    ['../outside/secret', 'link'],
    ['../slot/top', 'link'],
    ['../../../outside/secret', 'd/e/link'],
    ['./../outside', 'link'],
    ['d/../../outside', 'link'],
    ['nowhere/../../outside', 'link'],
    ['../nowhere', 'link'],
  ])('finds %j at %j', async (target, at) => {
    const root = await tree();
    symlinkSync(target, join(root, at));
    const found = [{ path: at, problem: LEADS_OUT }];
    expect(await check(root)).toEqual(found);
    expect(await check(root, ['top', at])).toEqual(found);
  });

  test('finds a link that goes up again after a linked folder, wherever that leads now', async () => {
    const root = await tree();
    symlinkSync('d/e', join(root, 'jump'));
    symlinkSync('jump/../file', join(root, 'inside for now'));
    expect(await check(root)).toEqual([{ path: 'inside for now', problem: LEADS_OUT }]);
  });

  test('lets chains and loops of links within the tree be', async () => {
    const root = await tree();
    for (let n = 0; n < 60; n++) symlinkSync(`chain-${n + 1}`, join(root, `chain-${n}`));
    symlinkSync('d/e', join(root, 'chain-60'));
    symlinkSync('loop-b', join(root, 'loop-a'));
    symlinkSync('loop-a', join(root, 'loop-b'));
    symlinkSync('../..', join(root, 'd/e/up'));
    symlinkSync('d/e/up/d/e/up/top', join(root, 'round and round'));
    expect(await check(root)).toEqual([]);
  });

  test('looks at nothing behind a link', async () => {
    const root = await tree();
    symlinkSync('d', join(root, 'was a folder'));
    mkdirSync(join(root, 'd/x'));
    symlinkSync('../..', join(root, 'd/x/link'));
    symlinkSync('d/x', join(root, 'short'));
    expect(await check(root, ['short/link', 'was a folder/x/link', 'short'])).toEqual([]);
  });
});

describe('verify of what else is in a tree', () => {
  test.each([0o4755, 0o2755, 0o1755, 0o6644])('finds the mode %o', async (mode) => {
    const root = await tree();
    for (const path of ['top', 'd']) chmodSync(join(root, path), mode);
    const problem = 'has a setuid, setgid or sticky bit';
    const found = await check(root);
    expect(found.map(({ path }) => path).sort()).toEqual(['d', 'top']);
    expect(found[0]?.problem).toBe(problem);
  });

  test('finds a FIFO', async () => {
    const root = await tree();
    execFileSync('mkfifo', [join(root, 'd/fifo')]);
    expect(await check(root)).toEqual([{ path: 'd/fifo', problem: 'is neither a file, a folder nor a link' }]);
  });

  test.each(['.~tmp~/part', 'd/.~tmp~/part'])('finds the leftover %j', async (path) => {
    const root = await tree();
    writeTree(root, { [path]: 'x' });
    const found = await check(root, [path]);
    expect(found).toEqual([{ path, problem: 'is a leftover of a transfer' }]);
    expect((await check(root)).length).toBe(2);
  });

  test('finds a tree without any file', async () => {
    const root = join(await tempFolder(), 'slot');
    mkdirSync(root);
    const empty = [{ path: '', problem: 'the tree holds no file' }];
    expect(await check(root)).toEqual(empty);
    mkdirSync(join(root, 'only/folders/here'), { recursive: true });
    symlinkSync('nowhere', join(root, 'link'));
    expect(await check(root)).toEqual(empty);
    expect(await check(root, [])).toEqual(empty);
    writeFileSync(join(root, 'only/folders/here/file'), '');
    expect(await check(root)).toEqual([]);
  });

  test('knows names that are not UTF-8, and those with a newline', async () => {
    const root = await tree();
    const names = ['not utf-8 \xff', 'new\nline'];
    for (const name of names) {
      mkdirSync(bytes(root, name));
      symlinkSync('/etc', bytes(root, `${name}/link`));
    }
    const found = (await check(root)).map(({ path }) => path).sort();
    expect(found).toEqual(['new\nline/link', 'not utf-8 \ufffd/link']);
    expect(
      (
        await check(
          root,
          names.map((name) => `${name}/link`),
        )
      )
        .map(({ path }) => path)
        .sort(),
    ).toEqual(found);
  });

  test('ignores what the list names and a later change has deleted', async () => {
    const root = await tree();
    rmSync(join(root, 'd'), { recursive: true });
    expect(await check(root, ['d/file', 'd', 'top/is/a/file', `${'n'.repeat(300)}`])).toEqual([]);
  });

  test('tells no more than so many findings', async () => {
    const root = await tree();
    for (let n = 0; n < MAX_FINDINGS + 20; n++) symlinkSync('/', join(root, `link-${n}`));
    expect((await check(root)).length).toBe(MAX_FINDINGS);
  });

  test('ends with the reason of its signal', async () => {
    const root = await tree();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(verify({ root, changes: null, signal })).rejects.toThrow('enough');
  });
});
