import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { PACKAGE_ROOT } from '../../platform/package-root.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const { buildNative } = (await import(new URL('../../scripts/native.mjs', import.meta.url).href)) as {
  buildNative(root: string, fetchHeaders?: () => boolean): string | null;
};
const GOOD = '#include <node_api.h>\nint one(void) { return 1; }\n';
const DAY_MS = 86_400_000;

let root: string;
let calls: string;
beforeEach(async () => {
  root = await tempFolder();
  calls = join(root, 'calls');
  const compiler = join(root, 'cc');
  await writeFile(compiler, `#!/bin/sh\n[ "$1" = --version ] || echo compiled >>'${calls}'\nexec cc "$@"\n`);
  await chmod(compiler, 0o755);
  vi.stubEnv('CC', compiler);
  onTestFinished(() => void vi.unstubAllEnvs());
  await mkdir(join(root, 'native'));
});

function write(source: string): Promise<void> {
  return writeFile(join(root, 'native', 'some.c'), source);
}

async function compilations(): Promise<number> {
  return existsSync(calls) ? (await readFile(calls, 'utf8')).trim().split('\n').length : 0;
}

it('builds once, and again when a source has changed', async () => {
  await write(GOOD);
  expect([buildNative(root), buildNative(root)]).toEqual([null, null]);
  expect(existsSync(join(root, 'native', 'build', 'sendfile.node'))).toBe(true);
  expect(await compilations()).toBe(1);
  await write(`${GOOD}\n`);
  expect(buildNative(root)).toBeNull();
  expect(await compilations()).toBe(2);
});

it('does not try again for a day what has failed, unless a source has changed', async () => {
  await write('int one(void) { return; \n');
  const problem = buildNative(root);
  expect(problem).toMatch(/some\.c:1:.*error/);
  expect(buildNative(root)).toBe(`${problem} (it is tried again after a day, or when native/build is removed)`);
  expect(await compilations()).toBe(1);
  const before = new Date(Date.now() - DAY_MS - 60_000);
  await utimes(join(root, 'native', 'build', '.millpond-failed'), before, before);
  expect(buildNative(root)).toBe(problem);
  expect(await compilations()).toBe(2);
  await write(GOOD);
  expect(buildNative(root)).toBeNull();
});

it('leaves no addon of other sources where the new ones cannot be built', async () => {
  await write(GOOD);
  expect(buildNative(root)).toBeNull();
  await write('int one(void) { return; \n');
  expect(buildNative(root)).toMatch(/error/);
  expect(existsSync(join(root, 'native', 'build', 'sendfile.node'))).toBe(false);
  await write(GOOD);
  expect(buildNative(root)).toBeNull();
  expect(existsSync(join(root, 'native', 'build', 'sendfile.node'))).toBe(true);
});

it('says at once that there is no compiler, and fetches nothing then', async () => {
  await write(GOOD);
  vi.stubEnv('CC', join(PACKAGE_ROOT, 'no-such-compiler'));
  const fetchHeaders = vi.fn(() => true);
  expect(buildNative(root, fetchHeaders)).toBe('no C compiler');
  expect(fetchHeaders).not.toHaveBeenCalled();
});
