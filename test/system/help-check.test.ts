import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { PublishedTrees } from '../../content/published-trees.js';
import { HelpChecker } from '../../server/help/check/checker.js';
import type { HelpCheck } from '../../store/help-checks.js';
import { createAptRepository, type AptRepository } from '../fixtures/apt-repository.js';
import { buildArchPackage, buildRpm } from '../fixtures/foreign-packages.js';
import { MAIN, startProgram } from '../fixtures/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { addGeneration, makeMirror, NOW, openScene, type Scene } from '../server/scene.js';

const run = promisify(execFile);
const HELLO = {
  name: 'pond-hello',
  version: '1.0',
  description: 'greeting',
  files: { '/usr/bin/pond-hello': '#!/bin/sh\n' },
};
const LARGE = { ...HELLO, name: 'pond-large', files: { '/usr/share/pond': 'x'.repeat(200_000) } };

/** A mirror of a preset whose live tree is `root`, served as it will be, and what tries its instructions out. */
async function checked(preset: string, root: string, keyring: string | null = null) {
  const scene: Scene = await openScene({ mirrors: [makeMirror('pond', { preset })] });
  onTestFinished(() => scene.close());
  const trees = new PublishedTrees();
  const live = { generation: addGeneration(scene, 'pond'), root };
  for (const each of [trees, scene.trees]) each.set('pond', { live, previous: null });
  const checker = new HelpChecker({
    ...{ trees, store: scene.store, clock: () => NOW, env: {} },
    settings: () => scene.settings,
    log: { warn: () => undefined },
    address: () => scene.url,
    keyring: () => keyring,
  });
  onTestFinished(() => checker.stop());
  return {
    store: scene.store,
    async check(): Promise<HelpCheck[]> {
      const told: HelpCheck[] = [];
      await checker.checkAll(null, (each) => void told.push(each));
      return told;
    },
  };
}

/** An archive whose only suite has the name of one that the preset knows. */
async function archive(): Promise<AptRepository> {
  const repository = await createAptRepository(await tempFolder());
  await repository.addPackage(HELLO);
  await repository.addPackage(LARGE);
  await repository.publish();
  await symlink('stable', join(repository.folder, 'dists', 'bookworm'));
  return repository;
}

describe('apt', () => {
  test('takes the smallest package from the mirror, in both forms, and what came of it is kept', async () => {
    const { folder, keyring } = await archive();
    const { check, store } = await checked('debian', folder, keyring);
    const told = await check();
    const sentence = 'apt-get updated from here and downloaded pond-hello.';
    expect(told.map(({ form, result }) => [form, result])).toEqual([
      ['deb822', 'worked'],
      ['one-line', 'worked'],
    ]);
    expect(told[0]).toEqual({
      mirror: 'pond',
      form: 'deb822',
      result: 'worked',
      sentence,
      choices: 'bookworm, main',
      checkedAt: NOW,
    });
    expect(store.helpChecks.of('pond')).toEqual(told);
  }, 120_000);

  test('fails with the sentence of apt where a package is not there, or other than the index says', async () => {
    const { folder, keyring } = await archive();
    const { check } = await checked('debian', folder, keyring);
    const pool = join(folder, 'pool', 'main', 'p', 'pond-hello');
    const [deb = ''] = await readdir(pool);
    await writeFile(join(pool, deb), 'something else');
    const [changed] = await check();
    expect(changed).toMatchObject({ result: 'failed' });
    expect(changed?.sentence).toMatch(/^apt-get download failed \(exit 100\): E: .*unexpected size/i);
    await rm(join(pool, deb));
    const [missing] = await check();
    expect(missing?.sentence).toMatch(/^apt-get download failed \(exit 100\): E: .*404/);
    expect(missing?.sentence).not.toContain('millpond-help-');
  }, 120_000);

  test('fails where the keys are others, and is not tested where there are none', async () => {
    const { folder } = await archive();
    const other = await createAptRepository(await tempFolder());
    const [strange] = await (await checked('debian', folder, other.keyring)).check();
    expect(strange?.sentence).toMatch(/^apt-get update failed \(exit 100\): E: .*(not signed|NO_PUBKEY)/);
    const [untested] = await (await checked('debian', folder, null)).check();
    expect(untested).toMatchObject({
      result: 'untested',
      sentence: 'The keys "debian-archive-keyring.gpg" are not on this server.',
    });
  }, 120_000);

  test('is not tested where this machine fails, and others are tried out all the same', async () => {
    const { folder } = await archive();
    const told = await (await checked('debian', folder, await tempFolder())).check(); // a folder in place of the keys
    expect(told.map(({ form, result }) => [form, result])).toEqual([
      ['deb822', 'untested'],
      ['one-line', 'untested'],
    ]);
    expect(told[0]?.sentence).toMatch(/^This server could not try it out \(E[A-Z]+\)\.$/);
  }, 120_000);
});

describe('dnf', () => {
  async function repository(): Promise<string> {
    const root = await tempFolder();
    const folder = join(root, '10', 'Everything', 'x86_64');
    await mkdir(folder, { recursive: true });
    await buildRpm('pond-hello', folder);
    await run('createrepo_c', ['--quiet', folder]);
    return root;
  }

  test('finds release and processor in the tree, reads the metadata and downloads', async () => {
    const root = await repository();
    const [told] = await (await checked('epel', root)).check();
    expect(told).toMatchObject({ form: 'repo', result: 'worked' });
    expect(told?.sentence).toMatch(/^dnf read the metadata here and downloaded pond-hello-/);
  }, 180_000);

  test('fails with the sentence of dnf where the metadata is not whole', async () => {
    const root = await repository();
    const folder = join(root, '10', 'Everything', 'x86_64', 'repodata');
    for (const name of await readdir(folder)) if (name.includes('primary')) await rm(join(folder, name));
    const [told] = await (await checked('epel', root)).check();
    expect(told?.result).toBe('failed');
    expect(told?.sentence).toMatch(/^dnf makecache failed \(exit 1\): /);
    const [empty] = await (await checked('epel', await tempFolder())).check();
    expect(empty?.sentence).toContain('The tree has no repodata/repomd.xml at any');
  }, 180_000);
});

describe('pacman', () => {
  test('syncs the databases that the tree has and downloads', async () => {
    const root = await tempFolder();
    const folder = join(root, 'core', 'os', 'x86_64');
    await mkdir(folder, { recursive: true });
    const file = await buildArchPackage('pond-hello', folder);
    await run('repo-add', [join(folder, 'core.db.tar.gz'), file]);
    const { check } = await checked('archlinux', root);
    const [told] = await check();
    expect(told).toMatchObject({ form: 'mirrorlist', result: 'worked' });
    expect(told?.sentence).toContain('downloaded core/pond-hello');
    await rm(file);
    expect((await check())[0]?.sentence).toMatch(/^pacman .*failed/);
  }, 120_000);
});

test('the program tries out what it is asked to, and shows it on its page', async () => {
  const { folder, keyring } = await archive();
  const home = await tempFolder();
  await mkdir(join(home, 'keys'));
  await copyFile(keyring, join(home, 'keys', 'debian-archive-keyring.gpg'));
  const mirrors = { pond: { preset: 'debian', upstream: `${folder}/`, schedule: 'manual' } };
  const program = await startProgram(join(home, 'millpond'), mirrors, {}, { keyrings: join(home, 'keys') });
  expect(await program.sync('pond')).toMatchObject({ outcome: 'updated' });
  const { stdout } = await run(process.execPath, [MAIN, '--config', program.config, 'help-check', 'pond']);
  expect(stdout).toMatch(
    /^pond, deb822 \(bookworm, main\): ok: apt-get updated from here .*\npond, one-line .*: ok: .*\n2 tried out, 0 failed\.\n$/,
  );
  const page = await (await fetch(`${program.url}/help/pond?form=deb822`)).text();
  expect(page).toMatch(/id="tested".*worked.*apt-get updated from here/);
}, 120_000);
