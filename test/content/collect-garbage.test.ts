import { beforeEach, describe, expect, test } from 'vitest';
import { collectGarbage } from '../../content/collect-garbage.js';
import { shortDigest } from '../../core/oci/digest.js';
import { buildArtifact, buildImage, buildIndex, contentOf, descriptorOf } from '../fixtures/image-builder.js';
import { DAY, HOUR, ImageStore } from './image-store.js';

let here: ImageStore;
beforeEach(async () => {
  here = await ImageStore.open();
});

const first = buildImage({ seed: 'first', layerSeeds: ['shared', 'first'], layers: [2000, 100] });
const second = buildImage({ seed: 'second', layerSeeds: ['shared', 'second'], layers: [2000, 100] });
const third = buildImage({ seed: 'third' });
const index = buildIndex([first, second]);

describe('collectGarbage keeps', () => {
  test('what a tag reaches, through an index, for however long', async () => {
    await here.push('lab/app', index, { tags: ['latest'] });
    here.now += 400 * DAY;
    expect(await here.collect()).toMatchObject({ left: 0, removed: 0, bytes: 0 });
    expect(here.isWhole('lab/app', index)).toBe(true);
  });

  test('so many former digests of a tag as are to be kept, and no more', async () => {
    for (const image of [third, second, first, index]) {
      await here.push('lab/app', image, { tags: ['latest'] });
      here.now += 30 * DAY;
    }
    await here.collect();
    expect(here.isWhole('lab/app', index)).toBe(true);
    expect(here.isWhole('lab/app', second)).toBe(true);
    expect(here.isGone(third)).toBe(true);
    here.keep = { ...here.keep, history: 0 };
    const former = buildImage({ seed: 'former' });
    await here.push('lab/app', former, { tags: ['latest'] });
    here.now += 30 * DAY;
    await here.collect();
    expect(here.isGone(index)).toBe(true);
    expect(here.isWhole('lab/app', former)).toBe(true);
    expect(here.store.tags.history('lab/app', 'latest', 10)).toEqual([]);
  });

  test('an untagged manifest that was pushed for as long as it should, with its parts', async () => {
    await here.push('lab/app', first);
    here.now += 6 * DAY;
    await here.collect();
    expect(here.isWhole('lab/app', first)).toBe(true);
    here.now += 2 * DAY;
    await here.collect();
    expect(here.isGone(first)).toBe(true);
  });

  test('what was pushed within the grace, and what was asked for again', async () => {
    const [blob] = first.blobs;
    if (!blob) throw new Error('no blob');
    await here.pushBlob('lab/app', blob);
    here.now += HOUR / 2;
    await here.collect();
    expect(here.has(blob.digest)).toBe(true);
    here.store.repositories.link('lab/app', blob.digest, here.now);
    here.now += HOUR - 1;
    await here.collect();
    expect(here.has(blob.digest)).toBe(true);
    here.now += 2;
    await here.collect();
    expect(here.has(blob.digest)).toBe(false);
  });

  test('what lost its last tag a moment ago, though it was pushed long ago', async () => {
    here.keep = { untagged: 60, history: 0, grace: 3_600 };
    await here.push('docker.io/library/app', index, { tags: ['latest'], origin: 'mirrored' });
    here.now += 100 * DAY;
    await here.push('docker.io/library/app', third, { tags: ['latest'], origin: 'mirrored' });
    await here.collect();
    expect(here.isWhole('docker.io/library/app', index)).toBe(true);
    here.now += 2 * HOUR;
    await here.collect();
    expect(here.isGone(index)).toBe(true);
  });

  test('what another repository has', async () => {
    await here.push('lab/app', first);
    await here.push('lab/other', first, { tags: ['kept'] });
    here.now += 30 * DAY;
    expect(await here.collect()).toMatchObject({ left: 4, removed: 0 });
    expect(here.isWhole('lab/other', first)).toBe(true);
    expect(here.store.repositories.sizes('lab/app')).toEqual({ logical: 0, own: 0 });
  });

  test('referrers of what is needed, and theirs, and not those of what has gone', async () => {
    const signature = buildArtifact({ seed: 'signature', subject: descriptorOf(first) });
    const attestation = buildArtifact({ seed: 'attestation', subject: descriptorOf(signature) });
    await here.push('lab/app', index, { tags: ['latest'] });
    await here.push('lab/app', signature);
    await here.push('lab/app', attestation);
    here.now += 30 * DAY;
    await here.collect();
    expect(here.isWhole('lab/app', attestation)).toBe(true);
    here.untag('lab/app', 'latest');
    here.now += 30 * DAY;
    await here.collect();
    expect(here.isGone(index)).toBe(true);
    expect(here.isGone(attestation)).toBe(true);
    await here.push('lab/app', signature, { tags: ['mine'] });
    here.now += 30 * DAY;
    await here.collect();
    expect(here.isWhole('lab/app', signature)).toBe(true);
  });

  test('what is fetched on demand and pulled by its digest', async () => {
    await here.push('quay.io/app', third, { origin: 'cached' });
    here.now += DAY;
    here.store.repositories.setPulled('quay.io/app', third.digest, here.now - 1);
    await here.collect();
    expect(here.isWhole('quay.io/app', third)).toBe(true);
    here.now += DAY;
    await here.collect();
    expect(here.isGone(third)).toBe(true);
    expect(here.store.repositories.get('quay.io/app')).toBeUndefined();
  });
});

describe('collectGarbage removes', () => {
  test('an index that contains its own subject', async () => {
    const around = buildIndex([first], { subject: descriptorOf(first) });
    await here.push('lab/app', around);
    here.now += 30 * DAY;
    await here.collect();
    expect(here.isGone(around)).toBe(true);
  });

  test('a manifest that was deleted, although it was a former digest of a tag', async () => {
    await here.push('lab/app', first, { tags: ['latest'] });
    await here.push('lab/app', third, { tags: ['latest'] });
    here.store.repositories.unlink('lab/app', first.digest);
    here.now += DAY;
    await here.collect();
    expect(here.isGone(first)).toBe(true);
    expect(here.isWhole('lab/app', third)).toBe(true);
  });

  test('all of a repository that was removed, but not what is shared', async () => {
    await here.push('lab/app', index, { tags: ['latest'] });
    await here.push('lab/other', second, { tags: ['latest'] });
    here.store.repositories.remove('lab/app');
    here.now += 2 * HOUR;
    const { removed } = await here.collect();
    expect(removed).toBe(4); // the index, and manifest, configuration and own layer of the first
    expect(here.isWhole('lab/other', second)).toBe(true);
  });

  test('a manifest before its parts: no moment shows one without them', async () => {
    await here.push('lab/app', index);
    await here.push('lab/app', third);
    here.now += 30 * DAY;
    let moments = 0;
    const pause = (): Promise<void> => {
      moments++;
      for (const manifest of [index, first, second, third])
        if (here.store.repositories.holds('lab/app', manifest.digest))
          expect(here.isWhole('lab/app', manifest)).toBe(true);
      return Promise.resolve();
    };
    await collectGarbage({ ...here, clock: here.clock, pause });
    expect(moments).toBeGreaterThan(5);
    expect(here.isGone(index)).toBe(true);
  });

  test('nothing that becomes needed between two of its steps', async () => {
    const blobs = Array.from({ length: 250 }, (_, n) => contentOf('application/octet-stream', `blob ${n}`));
    for (const blob of blobs) await here.pushBlob('lab/app', blob);
    here.now += DAY;
    const saved = blobs[17];
    if (!saved) throw new Error('no blob');
    const pause = (): Promise<void> => {
      here.store.repositories.ensure('lab/saver', 'hosted', here.now);
      if (here.store.blobs.get(saved.digest)) here.store.repositories.link('lab/saver', saved.digest, here.now);
      return Promise.resolve();
    };
    await collectGarbage({ ...here, clock: here.clock, pause });
    expect(blobs.filter(({ digest }) => here.has(digest))).toEqual([saved]);
  });

  test('nothing more once its signal says so', async () => {
    await here.push('lab/app', first);
    here.now += 30 * DAY;
    const reason = new Error('stopped');
    await expect(here.collect({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(here.isWhole('lab/app', first)).toBe(true);
  });
});

describe('a dry run', () => {
  test('says why each goes, counts each blob once, changes nothing, and is right', async () => {
    const signature = buildArtifact({ seed: 'signature', subject: descriptorOf(third) });
    await here.push('lab/app', index);
    await here.push('lab/other', first);
    await here.push('lab/app', signature);
    await here.pushBlob('lab/app', contentOf('application/octet-stream', 'of no manifest'));
    await here.push('lab/gone', third);
    here.store.repositories.remove('lab/gone');
    here.now += 9 * DAY;
    const before = here.store.blobs.total();
    const dry = await here.collect({ dryRun: true });
    expect(here.store.blobs.total()).toEqual(before);
    const why = (digest: string, repository: string | null): string | undefined =>
      dry.candidates.find((one) => one.kind !== 'upload' && one.digest === digest && one.repository === repository)
        ?.why;
    expect(why(index.digest, 'lab/app')).toBe('untagged in lab/app for 9 d');
    expect(why(first.digest, 'lab/other')).toBe('untagged in lab/other for 9 d');
    expect(why(first.digest, 'lab/app')).toBe(
      `in lab/app only untagged manifests name it, as ${shortDigest(index.digest)}`,
    );
    expect(why(signature.digest, 'lab/app')).toBe(
      `refers to ${shortDigest(third.digest)}, which lab/app has not, for 9 d`,
    );
    expect(why(contentOf('', 'of no manifest').digest, 'lab/app')).toBe(
      'no manifest in lab/app names it, 9 d after it came',
    );
    expect(why(third.digest, null)).toBe('no repository has it (stored 2026-11-23 14:00 UTC)');
    const { removed, bytes, left } = await here.collect();
    expect({ removed, bytes, left }).toEqual({ removed: dry.removed, bytes: dry.bytes, left: dry.left });
    expect(dry.candidates.reduce((sum, one) => sum + one.bytes, 0)).toBe(bytes);
    expect(here.store.blobs.total()).toEqual({ count: 0, bytes: 0 });
  });
});

describe('sizes', () => {
  test('are what a repository names, and what it alone has; all blobs together count once', async () => {
    await here.push('lab/app', index, { tags: ['latest'] });
    await here.push('lab/other', second, { tags: ['latest'] });
    const size = (content: { bytes: Buffer }): number => content.bytes.length;
    const sum = (contents: readonly { bytes: Buffer }[]): number => contents.reduce((all, one) => all + size(one), 0);
    const [config, shared, own] = first.blobs;
    const ofSecond = size(second) + sum(second.blobs);
    const ofFirst = size(first) + sum([config, own].filter((one) => one !== undefined));
    expect(shared).toBeDefined();
    expect(here.store.repositories.sizes('lab/app')).toEqual({
      logical: size(index) + ofFirst + ofSecond,
      own: size(index) + ofFirst,
    });
    expect(here.store.repositories.sizes('lab/other')).toEqual({ logical: ofSecond, own: 0 });
    expect(here.store.repositories.sizes('lab/none')).toEqual({ logical: 0, own: 0 });
    expect(here.store.blobs.total()).toEqual({ count: 8, bytes: size(index) + ofFirst + ofSecond });
  });
});
