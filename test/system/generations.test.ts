import { chmodSync, existsSync, readdirSync, writeFileSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { processesWithEnvironment } from '../../platform/processes.js';
import type { GenerationsData } from '../../server/generations.js';
import { createPond, PATIENT, read } from '../fixtures/pond.js';
import type { Program } from '../fixtures/program.js';
import { snapshot, writeTree } from '../fixtures/tree.js';

const KEEP = { keep: { daily: 3, weekly: 1, monthly: 0 } };

async function generationsOf(program: Program): Promise<GenerationsData> {
  return JSON.parse((await read(`${program.url}/status/pond/generations.json`)).text) as GenerationsData;
}

/** The stamp of the only kept generation, as soon as there is one. */
async function kept(program: Program): Promise<string> {
  const names = async () => (await generationsOf(program)).generations.map(({ name }) => name);
  await expect.poll(async () => (await names()).length, PATIENT).toBe(2);
  return (await names())[1] ?? '';
}

test('kill -9 while a generation is being linked: it is whole at the next start, and never served half', async () => {
  const pond = await createPond({ mirror: KEEP });
  writeTree(pond.up, Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`files/${i}`, `file ${i}`])));
  const bin = join(pond.folder, 'bin');
  mkdirSync(bin);
  // begins to copy, and never comes to an end
  writeFileSync(
    join(bin, 'cp'),
    '#!/bin/sh\nfor last; do :; done\nmkdir -p "$last/files" && : > "$last/files/0"\nsleep 600\n',
  );
  chmodSync(join(bin, 'cp'), 0o755);
  vi.stubEnv('PATH', `${bin}${delimiter}${process.env['PATH']}`);
  const first = await pond.start();
  expect(await first.sync('pond')).toMatchObject({ outcome: 'updated' });
  const folder = join(first.data, 'mirrors/pond/kept');
  await expect.poll(() => existsSync(join(folder, 'new/files/0')), PATIENT).toBe(true);
  expect((await generationsOf(first)).generations.map(({ name }) => name)).toEqual(['live']);
  await first.end('SIGKILL');
  vi.unstubAllEnvs();

  const second = await pond.start();
  const stamp = await kept(second);
  expect(readdirSync(folder)).toEqual([`@${stamp}`]);
  expect(snapshot(join(folder, `@${stamp}`))).toEqual(snapshot(pond.up));
  expect(await read(`${second.url}/pond/@${stamp}/files/7`)).toEqual({ status: 200, text: 'file 7' });
  await expect.poll(() => processesWithEnvironment('MILLPOND_CHILD_OF', second.data), PATIENT).toEqual([]);
});

test('workers serve what is kept, the one before, and the list of both', async () => {
  const pond = await createPond({ mirror: KEEP });
  const program = await pond.start({ workers: 1 });
  await program.sync('pond');
  const stamp = await kept(program);
  writeTree(pond.up, { README: 'hello again', NEWS: 'news' });
  expect(await program.sync('pond')).toMatchObject({ outcome: 'updated' });
  const file = async (path: string) => (await read(`${program.url}/pond/${path}`)).text;
  expect([await file('README'), await file('@previous/README')]).toEqual(['hello again', 'hello']);
  // of one day only the newest is kept, under the second where the minute is taken
  const names = async () => (await generationsOf(program)).generations.map(({ name }) => name);
  await expect.poll(async () => (await names())[2] !== stamp && (await names()).length, PATIENT).toBe(3);
  const newest = (await names())[2] ?? '';
  await expect.poll(() => file(`@${newest}/README`), PATIENT).toBe('hello again');
  expect(await file(`@${newest}/`)).toContain('NEWS');
  await expect.poll(async () => (await read(`${program.url}/pond/@${stamp}/README`)).status, PATIENT).toBe(404);
  expect(await file('@/')).toContain(`/pond/@${newest}/`);
});
