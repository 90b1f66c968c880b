import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { shortDigest } from '../../core/oci/digest.js';
import { DAY, type ImageStore } from '../content/image-store.js';
import { buildImage, type Content } from '../fixtures/image-builder.js';
import { MIRRORED, openImagesScene, PLAN, type ImagesScene } from './images-scene.js';
import { command, NOW, openControlScene } from './scene.js';

const first = buildImage({ seed: 'first' });
const second = buildImage({ seed: 'second' });
const third = buildImage({ seed: 'third' });

let scene: ImagesScene;
let images: ImageStore;
beforeEach(async () => {
  scene = await openImagesScene();
  images = scene.images;
});

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return command(args, { cwd: scene.folder });
}

async function json<T = Record<string, unknown>>(...args: string[]): Promise<T[]> {
  const { stdout } = await run('--json', ...args);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

describe('millpond images ls', () => {
  it('says that there is nothing, and what there is', async () => {
    expect((await run('images', 'ls')).stdout).toBe('There are no images yet.\n');
    await images.push('lab/app', first, { tags: ['1', '2'] });
    await images.push(MIRRORED, first, { tags: ['latest'], origin: 'mirrored' });
    const { code, stdout } = await run('images', 'ls');
    expect(code).toBe(0);
    expect(stdout).toMatch(/REPOSITORY +COMES +TAGS +SIZE +OWN\n/);
    expect(stdout).toMatch(/lab\/app +pushed +2 +[\d.]+ kB +0 B\n/);
    expect(stdout).toMatch(/quay\.io\/team\/app +mirrored +1 /);
    expect(await json('images', 'ls')).toMatchObject([
      [{ name: 'lab/app', isConfigured: false }, { isConfigured: true }],
    ]);
  });

  it('says which upstream cannot be asked, and since when; which tags failed, and since when', async () => {
    await images.push('lab/app', first, { tags: ['1'] });
    await images.push(MIRRORED, first, { tags: ['failed', 'fine'], origin: 'mirrored' });
    expect(await json('images', 'ls')).toMatchObject([
      [{ upstream: null }, { upstream: { registry: 'quay.io', troubleSince: null } }],
    ]);
    expect((await run('images', 'ls')).stdout).not.toContain('since');
    scene.troubles.set('quay.io', NOW - DAY);
    scene.store.tags.setStale(MIRRORED, 'failed', NOW);
    const sentence = 'quay.io cannot be asked since 2026-11-22 14:00 UTC; what is here is served.\n';
    const all = await run('images', 'ls');
    expect(all.stdout.split('\n\n').at(-1)).toBe(sentence);
    expect(await json('images', 'ls')).toMatchObject([[{}, { upstream: { troubleSince: NOW - DAY } }]]);
    const one = await run('images', 'ls', MIRRORED);
    expect(one.stdout).toContain(sentence);
    expect(one.stdout).toMatch(/failed .* \(fails since 2026-11-23 14:00 UTC\) /);
    expect(one.stdout).not.toMatch(/fine .*fails/);
    expect(await json('images', 'ls', MIRRORED)).toMatchObject([
      {
        list: [
          { tag: 'failed', staleSince: NOW },
          { tag: 'fine', staleSince: null },
        ],
      },
    ]);
  });

  it('lists the tags of a repository, and the history of a tag', async () => {
    await images.push('lab/app', first, { tags: ['latest'] });
    images.now += DAY;
    await images.push('lab/app', second, { tags: ['latest'] });
    const { stdout } = await run('images', 'ls', 'lab/app');
    expect(stdout).toContain('lab/app: pushed, 1 tag,');
    expect(stdout).toMatch(new RegExp(`latest +${shortDigest(second.digest)} +2026-11-24 14:00 UTC`));
    const history = await run('images', 'ls', 'lab/app:latest');
    expect(history.stdout).toMatch(
      new RegExp(`${shortDigest(first.digest)} +2026-11-23 14:00 UTC +2026-11-24 14:00 UTC`),
    );
    expect(history.stdout).toContain('millpond images rollback lab/app latest --to DIGEST');
  });

  it.each([
    [['images', 'ls', 'lab/none'], 'error: there is no repository of images "lab/none" here'],
    [['images', 'ls', 'Lab/App'], 'error: "Lab/App" is not the name of a repository'],
    [['images', 'ls', 'lab/app:a:b'], 'is not the name of a repository'],
    [['images', 'ls', 'lab/app:none'], 'error: lab/app has no tag "none"'],
  ])('refuses %j in a sentence', async (args, sentence) => {
    await images.push('lab/app', first, { tags: ['latest'] });
    const { code, stderr } = await run(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(sentence);
  });
});

describe('millpond images plan', () => {
  it('prints what a run would do and cost', async () => {
    const { stdout } = await run('images', 'plan');
    expect(stdout.split('\n')).toEqual([
      `${MIRRORED}:`,
      '  3 tags of 40 upstream: 1 as they are here, 2 new or moved (2, 3)',
      '  1 tag here would go (0)',
      '  to fetch: 11 blobs (123 MB); here already: 1 blob (5.0 kB)',
      '  at least 6 pulls that the registry may count, 2 of them already made by this plan',
      '  3: the registry does not have it.',
      '',
    ]);
    expect(await json('images', 'plan', MIRRORED)).toEqual([{ type: 'item', ...PLAN }]);
    expect((await run('images', 'plan', '--cheap')).stdout).not.toContain('to fetch');
    expect(await run('images', 'plan', 'lab/app')).toMatchObject({
      ...{ code: 1, stderr: 'error: there are no images "lab/app" in the configuration\n' },
    });
  });

  it('says that no images are kept where none are', async () => {
    const without = await openControlScene();
    const { code, stderr } = await command(['images', 'plan'], { cwd: without.folder });
    expect([code, stderr]).toEqual([1, 'error: this Millpond keeps no images\n']);
  });
});

describe('millpond images sync', () => {
  it('asks for a run as `sync` does, and status and pause know images as well', async () => {
    expect((await run('images', 'sync', MIRRORED)).stdout).toContain(`of ${MIRRORED} waits for its turn`);
    expect((await run('status', MIRRORED)).stdout).toContain(`0 of ${MIRRORED}`);
    expect((await run('status')).stdout).toMatch(/IMAGES +STATE +IN STEP +TAGS +NEXT RUN/);
    expect((await run('pause', MIRRORED, '--reason', 'a test')).stdout).toContain(`millpond resume ${MIRRORED}`);
    expect((await run('status', MIRRORED)).stdout).toContain('a test');
  });
});

describe('millpond images rollback', () => {
  it('moves a pushed tag to what it was, and forth again', async () => {
    await images.push('lab/app', first, { tags: ['latest'] });
    await images.push('lab/app', second, { tags: ['latest'] });
    const { code, stdout } = await run('images', 'rollback', 'lab/app', 'latest');
    expect([code, stdout]).toEqual([
      0,
      `lab/app:latest is ${shortDigest(first.digest)} again instead of ${shortDigest(second.digest)}.\n`,
    ]);
    expect(images.store.tags.get('lab/app', 'latest')?.digest).toBe(first.digest);
    await run('images', 'rollback', 'lab/app', 'latest', '--to', shortDigest(second.digest));
    expect(images.store.tags.get('lab/app', 'latest')?.digest).toBe(second.digest);
  });

  it('pauses a mirrored repository', async () => {
    await images.push(MIRRORED, first, { tags: ['latest'], origin: 'mirrored' });
    await images.push(MIRRORED, second, { tags: ['latest'], origin: 'mirrored' });
    const { stdout } = await run('images', 'rollback', MIRRORED, 'latest');
    expect(stdout).toContain(`${MIRRORED} is paused. To take what upstream has: millpond resume ${MIRRORED}`);
    expect(images.store.mirrors.get(MIRRORED)).toMatchObject({
      pausedAt: NOW,
      pauseReason: `The tag latest was rolled back to ${shortDigest(first.digest)}; resume to take what upstream has.`,
    });
  });

  it('brings a tag back that was removed', async () => {
    await images.push('lab/app', first, { tags: ['latest'] });
    expect((await run('images', 'rm', 'lab/app:latest', '--yes')).stdout).toContain('lab/app:latest is removed');
    expect((await run('images', 'rollback', 'lab/app', 'latest')).code).toBe(0);
    expect(images.store.tags.get('lab/app', 'latest')?.digest).toBe(first.digest);
  });

  it('refuses what cannot be, and changes nothing', async () => {
    await images.push('lab/app', first, { tags: ['one', 'latest'] });
    await images.push('lab/app', second, { tags: ['latest'] });
    await images.push('quay.io/team/other', first, { tags: ['latest'], origin: 'cached' });
    const refusals: [string[], string][] = [
      [['lab/app', 'none'], 'has no tag "none", and never had'],
      [['lab/app', 'one'], 'has pointed to nothing else before'],
      [['lab/app', 'latest', '--to', 'abc'], '"abc" is not a digest'],
      [['lab/app', 'latest', '--to', shortDigest(third.digest)], 'has not pointed to'],
      [['quay.io/team/other', 'latest'], 'follows its upstream whenever somebody asks'],
      [['lab/none', 'latest'], 'there is no repository'],
    ];
    for (const [args, sentence] of refusals)
      expect(await run('images', 'rollback', ...args)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(sentence) as string,
      });
    images.store.repositories.unlink('lab/app', first.digest);
    expect((await run('images', 'rollback', 'lab/app', 'latest')).stderr).toContain('is not in lab/app any more');
    expect(images.store.tags.get('lab/app', 'latest')?.digest).toBe(second.digest);
  });

  it('does not pull the rug from under a run', async () => {
    await images.push(MIRRORED, first, { tags: ['latest'], origin: 'mirrored' });
    await images.push(MIRRORED, second, { tags: ['latest'], origin: 'mirrored' });
    scene.engine.enter(scene.engine.trigger(MIRRORED, 'manual'), 'pull');
    expect((await run('images', 'rollback', MIRRORED, 'latest')).stderr).toContain(`millpond cancel ${MIRRORED}`);
  });
});

describe('millpond images gc', () => {
  it('says why each would go, and then removes it', async () => {
    await images.push('lab/app', first);
    await images.push('lab/app', second, { tags: ['latest'] });
    images.now += 9 * DAY;
    const dry = await run('images', 'gc', '--dry-run');
    expect(dry.stdout).toMatch(new RegExp(`${shortDigest(first.digest)} +\\d+ B +untagged in lab/app for 9 d\n`));
    expect(dry.stdout).toMatch(/3 blobs \([\d.]+ kB\) would be removed; nothing was changed\.\n$/);
    expect(images.isWhole('lab/app', first)).toBe(true);
    const lines = await json('images', 'gc');
    expect(lines.filter(({ type }) => type === 'item')).toHaveLength(6);
    expect(lines.at(-1)).toMatchObject({ type: 'end', removed: 3, left: 3 });
    expect(images.isGone(first)).toBe(true);
    expect(images.isWhole('lab/app', second)).toBe(true);
    expect((await run('images', 'gc')).stdout).toBe('Nothing was removed: all of it is needed.\n');
  });
});

describe('millpond images gc, of what a rule and nobody keeps', () => {
  const unfinished = `sha256:${'5'.repeat(64)}`;
  beforeEach(async () => {
    await images.push('lab/ci/app', first, { tags: ['nightly-1', 'stable'] });
    images.now += DAY;
    await images.push('lab/ci/app', second, { tags: ['nightly-2'] });
    const upload = { id: 'given-up', repository: 'lab/app', algorithm: 'sha256', at: images.now };
    images.store.uploads.add(upload);
    mkdirSync(images.layout.uploadsFolder, { recursive: true });
    writeFileSync(images.layout.upload('given-up'), 'part');
    writeFileSync(images.layout.fetch(unfinished), 'half');
    utimesSync(images.layout.fetch(unfinished), images.now / 1000, images.now / 1000);
    images.now += 40 * DAY;
  });

  it('says why each would go', async () => {
    const { stdout } = await run('images', 'gc', '--dry-run');
    expect(stdout.split('\n')).toEqual([
      '                  4 B  an upload to lab/app on which nothing has happened for 40 d',
      `${shortDigest(unfinished)}      4 B  an unfinished fetch from upstream that nobody has gone on with for 40 d`,
      `${shortDigest(first.digest)}      0 B  lab/ci/app:nightly-1: pushed 41 d ago; ` +
        'rule 1 of registry.retention keeps the newest and what was pushed within 30 d',
      '1 upload, 1 unfinished fetch and 1 tag would be removed; nothing was changed.',
      '',
    ]);
    expect(images.store.tags.names('lab/ci/app', '', 9)).toEqual(['nightly-1', 'nightly-2', 'stable']);
    expect(existsSync(images.layout.upload('given-up'))).toBe(true);
    expect(existsSync(images.layout.fetch(unfinished))).toBe(true);
  });

  it('removes the same, and the tag can be rolled back', async () => {
    const dry = await json('images', 'gc', '--dry-run');
    const lines = await json('images', 'gc');
    expect(lines).toEqual(dry);
    expect(lines).toMatchObject([
      { kind: 'upload', id: 'given-up', repository: 'lab/app', bytes: 4 },
      { kind: 'fetch', repository: null, digest: unfinished, bytes: 4 },
      { kind: 'tag', repository: 'lab/ci/app', tag: 'nightly-1', digest: first.digest },
      { type: 'end', uploads: 1, fetches: 1, tags: 1, removed: 0 },
    ]);
    expect(existsSync(images.layout.upload('given-up'))).toBe(false);
    expect(existsSync(images.layout.fetch(unfinished))).toBe(false);
    expect(images.store.tags.names('lab/ci/app', '', 9)).toEqual(['nightly-2', 'stable']);
    expect((await run('images', 'gc')).stdout).toBe('Nothing was removed: all of it is needed.\n');
    expect((await run('images', 'rollback', 'lab/ci/app', 'nightly-1')).code).toBe(0);
  });
});

describe('millpond images scrub', () => {
  it('repairs what upstream has, and lists what nobody has', async () => {
    const [config, layer] = first.blobs as [Content, Content];
    await images.push('lab/app', first, { tags: ['latest'] });
    for (const one of [config, layer]) writeFileSync(images.layout.blob(one.digest), 'spoiled');
    scene.upstream.set(config.digest, config);
    images.now += 1;
    const { code, stdout } = await run('images', 'scrub', '--all');
    expect(code).toBe(1);
    expect(stdout).toContain(`${shortDigest(config.digest)} of lab/app was fetched again and is right`);
    expect(stdout).toContain(`${shortDigest(layer.digest)} of lab/app is set aside, since no upstream has given it`);
    expect(stdout).toMatch(/3 blobs \(\d+ B\) hashed, 2 wrong, 1 repaired\./);
    expect(stdout).toContain(`  ${layer.digest} (`);
    await images.pushBlob('lab/app', layer);
    expect(await run('images', 'scrub')).toMatchObject({
      code: 0,
      stdout: '0 blobs (0 B) hashed, 0 wrong, 0 repaired.\n',
    });
  });
});

describe('millpond images rm', () => {
  it('asks first, and then removes a repository whose bytes go with the collection', async () => {
    await images.push('lab/app', first, { tags: ['latest'] });
    const unsure = await run('images', 'rm', 'lab/app');
    expect(unsure.code).toBe(1);
    expect(unsure.stderr).toMatch(
      /"lab\/app" has 1 tag and [\d.]+ kB that no other repository has; nothing was removed/,
    );
    expect(unsure.stderr).toContain('millpond images rm lab/app --yes');
    expect(await json('images', 'rm', 'lab/app', '--yes')).toMatchObject([{ removed: 'lab/app' }]);
    expect(images.store.repositories.get('lab/app')).toBeUndefined();
    images.now += DAY * 2;
    await run('images', 'gc');
    expect(images.isGone(first)).toBe(true);
  });

  it('refuses one that is mirrored, and a tag of it', async () => {
    await images.push(MIRRORED, first, { tags: ['latest'], origin: 'mirrored' });
    for (const name of [MIRRORED, `${MIRRORED}:latest`])
      expect((await run('images', 'rm', name, '--yes')).stderr).toContain(
        'is mirrored: the next run would bring it back',
      );
    expect(images.isWhole(MIRRORED, first)).toBe(true);
  });
});

describe('millpond token', () => {
  it('names a token that is made without a name', async () => {
    await run('token', 'create', 'token-2', '--push', 'lab/*');
    for (const name of ['token-1', 'token-3'])
      expect(await run('token', 'create', '--push', 'lab/*')).toMatchObject({
        code: 0,
        stderr: expect.stringContaining(`The token ${name} may push to lab/*.`) as string,
      });
  });

  it('makes a secret that is shown once and kept as a hash, lists and removes it', async () => {
    expect((await run('token', 'ls')).stdout).toContain('There are no tokens.');
    const made = await run('token', 'create', 'ci', '--push', 'lab/*', '--push', 'team/**', '--expires', '90d');
    expect(made.code).toBe(0);
    expect(made.stdout).toMatch(/^mpt_[A-Za-z0-9_-]{43}\n$/);
    expect(made.stderr).toBe(
      'The token ci may push to lab/*, team/** until 2027-02-21 14:00 UTC. Keep it: it is not shown again.\n',
    );
    const hash = createHash('sha256').update(made.stdout.trim()).digest('hex');
    expect(images.store.tokens.bySecretHash(hash)).toMatchObject({ name: 'ci', push: ['lab/*', 'team/**'] });
    const list = await run('token', 'ls');
    expect(list.stdout).toMatch(/ci +lab\/\*, team\/\*\* +2026-11-23 14:00 UTC +2027-02-21 14:00 UTC.* +never/);
    expect(list.stdout).not.toContain('mpt_');
    expect((await run('token', 'rm', 'ci')).stdout).toBe('The token ci is removed.\n');
    expect(images.store.tokens.bySecretHash(hash)).toBeUndefined();
  });

  it('prints the secret with the rest as JSON', async () => {
    const [made] = await json('token', 'create', 'ci', '--push', 'lab/*');
    expect(made).toMatchObject({ token: { name: 'ci', expiresAt: null }, allowed: ['lab/**'] });
    expect(made?.['secret']).toMatch(/^mpt_/);
  });

  it.each([
    [['create', 'ci', '--push', 'Lab/*'], 1, 'holds capital letters'],
    [['create', 'a b', '--push', 'lab/*'], 1, 'must be 1 to 64 characters'],
    [['create', 'taken', '--push', 'lab/*'], 1, 'millpond token rm taken'],
    [['create', 'ci', '--push', 'lab/*', '--expires', 'soon'], 2, 'write it as 90d'],
    [['create', 'ci'], 2, '--push'],
    [['rm', 'none'], 1, 'there is no token "none"'],
  ])('refuses %j', async (args, code, words) => {
    await run('token', 'create', 'taken', '--push', 'lab/*');
    expect(await run('token', ...args)).toMatchObject({ code, stderr: expect.stringContaining(words) as string });
  });
});
