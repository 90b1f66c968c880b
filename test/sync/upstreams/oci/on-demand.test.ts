import { describe, expect, it } from 'vitest';
import { placeManifest } from '../../../../content/place-manifest.js';
import { parseManifest } from '../../../../core/oci/manifest.js';
import type { OnDemandRule } from '../../../../core/oci/image-mirror.js';
import { OciError } from '../../../../core/oci/errors.js';
import { OCI_MANIFEST } from '../../../../core/oci/media-types.js';
import { digestOf } from '../../../../core/oci/digest.js';
import { buildArtifact, buildImage, descriptorOf } from '../../../fixtures/image-builder.js';
import { tooManyRequests } from '../../../fixtures/oci-faults.js';
import {
  heldOf,
  layerOf,
  NAME,
  pushReferrer,
  startPond,
  startUpstream,
  twoPlatforms,
  type Pond,
  type PondOptions,
} from './image-scene.js';

const RULE: OnDemandRule = { allow: ['library/*'], keep: 1_000_000_000, recheck: 600, zones: [], pin: [] };
const MINUTE = 60_000;

async function scene(rule: Partial<OnDemandRule> = {}, options: PondOptions = {}) {
  const upstream = await startUpstream();
  const pond = await startPond(upstream.faulty.url, {
    ...{ isMirrored: false, stillClock: true, registry: { onDemand: { ...RULE, ...rule } } },
    ...options,
  });
  return { upstream, pond, onDemand: pond.images.onDemand };
}

async function refusal(work: Promise<unknown>): Promise<OciError> {
  const error: unknown = await work.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof OciError)) throw error;
  return error;
}

async function drain(pond: Pond, digest: string): Promise<void> {
  const reader = await pond.images.onDemand.openBlob(NAME, digest);
  if (reader) for await (const chunk of reader.read(0, reader.size - 1)) expect(chunk.length).toBeGreaterThan(0);
  await expect.poll(() => pond.store.blobs.get(digest)).toBeDefined();
}

describe('OnDemandFetcher.allows', () => {
  it('goes by the patterns and zones of a registry that is configured', async () => {
    const { onDemand } = await scene({ zones: ['campus'] });
    expect(onDemand.allows(NAME, 'campus')).toBe(true);
    expect(onDemand.allows(NAME, 'public')).toBe(false);
    expect(onDemand.allows(NAME, null)).toBe(false);
    expect(onDemand.allows('up.test/private/pond', 'campus')).toBe(false);
    expect(onDemand.allows('other.test/library/pond', 'campus')).toBe(false);
    expect(onDemand.allows('127.0.0.1:1/library/pond', 'campus')).toBe(false);
  });

  it('is nobody where a registry has no rule', async () => {
    const { onDemand } = await scene({}, { registry: { onDemand: null } });
    expect(onDemand.allows(NAME, null)).toBe(false);
  });
});

describe('OnDemandFetcher.bringManifest', () => {
  it('brings a tag once for all who ask, and compares it by HEAD when it was not lately', async () => {
    const { upstream, pond, onDemand } = await scene();
    const [before, after] = [buildImage({ seed: 'before' }), buildImage({ seed: 'after' })];
    await upstream.push(before, 'latest');
    await Promise.all(Array.from({ length: 20 }, () => onDemand.bringManifest(NAME, 'latest')));
    expect(upstream.faulty.requests({ kind: 'manifest' }).map(({ method }) => method)).toEqual(['HEAD', 'GET']);
    expect(pond.store.repositories.get(NAME)?.origin).toBe('cached');
    expect(pond.store.tags.get(NAME, 'latest')?.digest).toBe(before.digest);

    const checkedAt = pond.clock.now;
    pond.clock.now += 5 * MINUTE;
    upstream.faulty.forgetRequests();
    expect(await onDemand.bringManifest(NAME, 'latest')).toEqual({ checkedAt, staleSince: null });
    expect(upstream.faulty.requests()).toEqual([]);

    pond.clock.now += 6 * MINUTE;
    expect(await onDemand.bringManifest(NAME, 'latest')).toEqual({ checkedAt: pond.clock.now, staleSince: null });
    expect(upstream.faulty.requests().map(({ method }) => method)).toEqual(['HEAD']);

    await upstream.push(after, 'latest');
    pond.clock.now += 11 * MINUTE;
    await onDemand.bringManifest(NAME, 'latest');
    expect(pond.store.tags.get(NAME, 'latest')?.digest).toBe(after.digest);
  });

  it('gives what is here and says since when upstream is down, and is unavailable for all else', async () => {
    const { upstream, pond, onDemand } = await scene();
    const image = buildImage({ seed: 'stale' });
    await upstream.push(image, 'latest');
    await onDemand.bringManifest(NAME, 'latest');
    const checkedAt = pond.clock.now;
    await upstream.faulty.offline();
    expect(pond.images.troubleSince('up.test')).toBeNull();
    const down = (pond.clock.now += 11 * MINUTE);
    expect(await onDemand.bringManifest(NAME, 'latest')).toEqual({ checkedAt, staleSince: down });
    pond.clock.now += MINUTE;
    expect(await onDemand.bringManifest(NAME, 'latest')).toEqual({ checkedAt, staleSince: down });
    for (const work of [
      onDemand.bringManifest(NAME, 'other'),
      onDemand.bringManifest(NAME, digestOf('x')),
      onDemand.openBlob(NAME, layerOf(image).digest),
      onDemand.openBlob(NAME, digestOf('y')),
    ]) {
      const error = await refusal(work);
      expect(error).toMatchObject({ code: 'UNAVAILABLE', status: 503 });
      expect(error.details.retryAfter).toBeGreaterThan(0);
      expect(error.message).not.toContain('127.0.0.1');
    }
    expect(pond.images.troubleSince('up.test')).toBe(down);
    await upstream.faulty.online();
    pond.clock.now += MINUTE;
    expect(await onDemand.bringManifest(NAME, 'latest')).toEqual({ checkedAt: pond.clock.now, staleSince: null });
  });

  it('gives what is here when what upstream has now cannot be used', async () => {
    const { upstream, pond, onDemand } = await scene();
    const image = buildImage({ seed: 'usable' });
    await upstream.push(image, 'latest');
    await onDemand.bringManifest(NAME, 'latest');
    pond.clock.now += 11 * MINUTE;
    const unusable = digestOf('{}');
    upstream.faulty.inject({
      on: { kind: 'manifest' },
      action: {
        do: 'answer',
        status: 200,
        headers: { 'docker-content-digest': unusable, 'content-type': OCI_MANIFEST },
      },
    });
    expect(await refusal(onDemand.bringManifest(NAME, unusable))).toMatchObject({ code: 'MANIFEST_INVALID' });
    expect(await onDemand.bringManifest(NAME, 'latest')).toMatchObject({ staleSince: pond.clock.now });
    expect(pond.store.tags.get(NAME, 'latest')?.digest).toBe(image.digest);
  });

  it('asks once in half a minute for digests that upstream does not have, and by HEAD', async () => {
    const { upstream, pond, onDemand } = await scene();
    await upstream.push(buildImage({ seed: 'there' }), 'latest');
    await onDemand.bringManifest(NAME, 'latest');
    upstream.faulty.forgetRequests();
    const gone = digestOf('gone');
    const ask = async (): Promise<void> => {
      expect(await refusal(onDemand.bringManifest(NAME, gone))).toMatchObject({ code: 'MANIFEST_UNKNOWN' });
      expect(await refusal(onDemand.openBlob(NAME, gone))).toMatchObject({ code: 'BLOB_UNKNOWN' });
    };
    await Promise.all([ask(), ask(), ask()]);
    for (let i = 0; i < 3; i++) await ask();
    const asked = (): string[] =>
      upstream.faulty
        .requests()
        .map(({ kind, method }) => `${method} ${kind}`)
        .sort();
    expect(asked()).toEqual(['GET blob', 'HEAD manifest']);
    pond.clock.now += 31_000;
    await ask();
    expect(asked()).toHaveLength(4);
  });

  it('forgets a tag of which upstream says that it is gone', async () => {
    const { upstream, pond, onDemand } = await scene();
    await upstream.push(buildImage({ seed: 'gone' }), 'latest', 'other');
    await onDemand.bringManifest(NAME, 'latest');
    await upstream.untag('latest');
    pond.clock.now += 11 * MINUTE;
    expect(await refusal(onDemand.bringManifest(NAME, 'latest'))).toMatchObject({ code: 'MANIFEST_UNKNOWN' });
    expect(pond.store.tags.get(NAME, 'latest')).toBeUndefined();
  });

  it('gives what is here when upstream is slow to answer, and takes its answer for those who ask later', async () => {
    const { upstream, pond, onDemand } = await scene();
    const after = buildImage({ seed: 'after' });
    await upstream.push(buildImage({ seed: 'before' }), 'latest');
    await onDemand.bringManifest(NAME, 'latest');
    await upstream.push(after, 'latest');
    pond.clock.now += 11 * MINUTE;
    const stop = upstream.faulty.inject({ on: { kind: 'manifest', method: 'GET' }, action: { do: 'stall', after: 9 } });
    expect(await onDemand.bringManifest(NAME, 'latest')).toMatchObject({ staleSince: pond.clock.now });
    expect(await onDemand.bringManifest(NAME, 'latest')).toMatchObject({ staleSince: pond.clock.now });
    expect(upstream.faulty.requests({ kind: 'manifest', reference: after.digest })).toHaveLength(1);
    stop();
    upstream.faulty.resume();
    await expect.poll(() => pond.store.tags.get(NAME, 'latest')?.digest).toBe(after.digest);
    expect(await onDemand.bringManifest(NAME, 'latest')).toEqual({ checkedAt: pond.clock.now, staleSince: null });
    expect(pond.images.troubleSince('up.test')).toBeNull();
  });

  it('passes on that upstream is busy, or refuses, but gives what is here', async () => {
    const { upstream, pond, onDemand } = await scene();
    await upstream.push(buildImage({ seed: 'busy' }), 'latest', 'other');
    await onDemand.bringManifest(NAME, 'latest');
    const stop = upstream.faulty.inject({ on: { kind: 'manifest' }, action: { do: 'answer', status: 403 } });
    expect(await refusal(onDemand.bringManifest(NAME, 'other'))).toMatchObject({ code: 'DENIED' });
    stop();
    upstream.faulty.inject({ on: { kind: 'manifest' }, action: tooManyRequests(120) });
    const error = await refusal(onDemand.bringManifest(NAME, 'other'));
    expect(error).toMatchObject({ code: 'TOOMANYREQUESTS', status: 429, details: { retryAfter: 120 } });
    pond.clock.now += 11 * MINUTE;
    expect(await onDemand.bringManifest(NAME, 'latest')).toMatchObject({ staleSince: expect.any(Number) as number });
  });

  it('takes neither the wait that upstream asked for nor the end of the program for a trouble of upstream', async () => {
    const { upstream, pond, onDemand } = await scene();
    await upstream.push(buildImage({ seed: 'waits' }), 'latest');
    await onDemand.bringManifest(NAME, 'latest');
    pond.clock.now += 11 * MINUTE;
    const stop = upstream.faulty.inject({ on: { kind: 'manifest' }, action: tooManyRequests(9), times: 1 });
    expect(await onDemand.bringManifest(NAME, 'latest')).toMatchObject({ staleSince: pond.clock.now });
    expect(pond.images.troubleSince('up.test')).toBeNull();
    stop();
    pond.clock.now += 11 * MINUTE;
    upstream.faulty.inject({ on: { kind: 'manifest' }, action: { do: 'hang' } });
    pond.store.tags.setChecked(NAME, 'latest', pond.clock.now - 11 * MINUTE);
    const checked = onDemand.bringManifest(NAME, 'latest');
    const asked = refusal(onDemand.bringManifest(NAME, 'other'));
    await expect.poll(() => upstream.faulty.requests({ reference: 'other' })).toHaveLength(1);
    await pond.images.close();
    expect(await asked).toMatchObject({ code: 'UNAVAILABLE' });
    expect(await checked).toMatchObject({ staleSince: pond.clock.now });
    expect(pond.store.tags.get(NAME, 'latest')?.staleSince).toBeNull();
    expect(pond.store.upstreamTroubles.all()).toEqual(new Map());
  });

  it('leaves the tags of a mirrored repository to its runs, and brings what they leave out', async () => {
    const { upstream, pond, onDemand } = await scene({}, { isMirrored: true, platforms: ['linux/amd64'] });
    const index = twoPlatforms('mirrored');
    await upstream.push(index, 'latest');
    expect(await pond.sync()).toMatchObject({ outcome: 'updated' });
    const arm = index.children[1];
    if (!arm) throw new Error('no child');
    expect(heldOf(pond, arm).has).toEqual([]);
    upstream.faulty.forgetRequests();
    pond.clock.now += 60 * MINUTE;
    expect(await onDemand.bringManifest(NAME, 'latest')).toBeNull();
    expect(upstream.faulty.requests()).toEqual([]);
    expect(await onDemand.bringManifest(NAME, arm.digest)).toBeNull();
    expect(pond.store.repositories.holds(NAME, arm.digest)).toBe(true);
    await drain(pond, layerOf(arm).digest);
    expect(pond.store.repositories.get(NAME)?.origin).toBe('mirrored');
  });

  it('does not give away a blob that was only pushed here by naming it', async () => {
    const { upstream, pond, onDemand } = await scene();
    const image = buildImage({ seed: 'names a secret' });
    const layer = layerOf(image);
    await upstream.push(image, 'latest');
    pond.store.repositories.ensure('lab/secret', 'hosted', 0);
    await pond.blobs.put(layer.bytes, layer.digest, () => pond.store.repositories.link('lab/secret', layer.digest, 0));
    await onDemand.bringManifest(NAME, 'latest');
    expect(pond.store.repositories.holds(NAME, layer.digest)).toBe(false);
    await drain(pond, layer.digest);
    await expect.poll(() => pond.store.repositories.holds(NAME, layer.digest)).toBe(true);
    expect(upstream.faulty.requests({ reference: layer.digest, method: 'GET' })).toHaveLength(1);
  });

  it('does not give away a manifest that only another repository has', async () => {
    const { pond, onDemand } = await scene();
    const secret = buildImage({ seed: 'secret' });
    const manifest = parseManifest(secret.bytes, secret.mediaType);
    await placeManifest(
      { store: pond.store, blobs: pond.blobs, clock: Date.now },
      {
        ...{ repository: 'lab/secret', origin: 'hosted', digest: secret.digest, bytes: secret.bytes, manifest },
        ...{ tags: ['latest'], checkedAt: null, keepHistory: 1, needs: 'none' },
      },
    );
    expect(await refusal(onDemand.bringManifest(NAME, secret.digest))).toMatchObject({ code: 'MANIFEST_UNKNOWN' });
    expect(await refusal(onDemand.openBlob(NAME, secret.digest))).toMatchObject({ code: 'BLOB_UNKNOWN' });
    expect(pond.store.repositories.get(NAME)).toBeUndefined();
  });
});

describe('OnDemandFetcher.bringReferrers', () => {
  it('asks upstream once in a while what is about a manifest that is here, and brings it', async () => {
    const { upstream, pond, onDemand } = await scene();
    const image = buildImage({ seed: 'signed' });
    const sbom = buildArtifact({ seed: 'sbom', artifactType: 'application/sbom', subject: descriptorOf(image) });
    await upstream.push(image, 'latest');
    await onDemand.bringReferrers(NAME, image.digest);
    expect(upstream.faulty.requests()).toEqual([]); // nobody has fetched the image
    await onDemand.bringManifest(NAME, 'latest');
    await onDemand.bringReferrers(NAME, image.digest);
    await pushReferrer(upstream, image, sbom);
    const known = (): string[] =>
      pond.store.manifests.referrers(NAME, image.digest, { after: '', limit: 10 }).map(({ digest }) => digest);
    upstream.faulty.forgetRequests();
    await onDemand.bringReferrers(NAME, image.digest);
    expect(upstream.faulty.requests()).toEqual([]);
    pond.clock.now += 11 * MINUTE;
    await onDemand.bringReferrers(NAME, image.digest);
    expect(known()).toEqual([sbom.digest]);
    expect(heldOf(pond, sbom).has).toEqual([sbom.digest]);
  });

  it('does not call unsigned what cannot be asked about', async () => {
    const { upstream, pond, onDemand } = await scene();
    const image = buildImage({ seed: 'signed' });
    const sbom = buildArtifact({ seed: 'sbom', artifactType: 'application/sbom', subject: descriptorOf(image) });
    await upstream.push(image, 'latest');
    await onDemand.bringManifest(NAME, 'latest');
    await upstream.faulty.offline();
    expect(await refusal(onDemand.bringReferrers(NAME, image.digest))).toMatchObject({ code: 'UNAVAILABLE' });
    await upstream.faulty.online();
    pond.clock.now += MINUTE;
    await pushReferrer(upstream, image, sbom);
    await onDemand.bringReferrers(NAME, image.digest);
    await upstream.faulty.offline();
    pond.clock.now += 11 * MINUTE;
    await onDemand.bringReferrers(NAME, image.digest); // what is here is true
  });
});

describe('OnDemandFetcher.openBlob', () => {
  it('streams a blob that a manifest here names, and one that upstream has in the repository', async () => {
    const { upstream, pond, onDemand } = await scene();
    const [named, unnamed] = [buildImage({ seed: 'named' }), buildImage({ seed: 'unnamed' })];
    await upstream.push(named, 'latest');
    await upstream.push(unnamed);
    await onDemand.bringManifest(NAME, 'latest');
    for (const image of [named, unnamed]) await drain(pond, layerOf(image).digest);
    expect(await onDemand.openBlob(NAME, layerOf(named).digest)).toBeNull();
    expect(await refusal(onDemand.openBlob(NAME, digestOf('unknown')))).toMatchObject({ code: 'BLOB_UNKNOWN' });
  });

  it('ends a reader with an error of the catalogue when upstream fails for good', async () => {
    const { upstream, pond, onDemand } = await scene();
    const image = buildImage({ seed: 'broken', layers: [500_000] });
    await upstream.push(image, 'latest');
    await onDemand.bringManifest(NAME, 'latest');
    const { digest } = layerOf(image);
    upstream.faulty.inject({ on: { reference: digest }, action: { do: 'corrupt', at: 100 } });
    const reader = await onDemand.openBlob(NAME, digest);
    const read = async (): Promise<void> => {
      if (reader) for await (const chunk of reader.read(0, reader.size - 1)) expect(chunk.length).toBeGreaterThan(0);
    };
    expect(await refusal(read())).toMatchObject({ code: 'UNAVAILABLE' });
    expect(pond.store.blobs.get(digest)).toBeUndefined();
  });

  it('lets the least recently pulled images make room for the next', async () => {
    const { upstream, pond, onDemand } = await scene({ keep: 150_000 });
    const images = ['first', 'second', 'third'].map((seed) => buildImage({ seed, layers: [60_000] }));
    for (const [index, image] of images.entries()) {
      await upstream.push(image, `t${index}`);
      await onDemand.bringManifest(NAME, `t${index}`);
      await drain(pond, layerOf(image).digest);
      pond.clock.now += 20 * MINUTE;
    }
    await expect.poll(() => pond.store.tags.names(NAME, '', 10)).toEqual(['t1', 't2']);
    await expect
      .poll(() => pond.store.blobs.get(layerOf(images[0] ?? buildImage({ seed: '' })).digest))
      .toBeUndefined();
  });
});

describe('Images.refetch', () => {
  it('is false when upstream does not have it, and fails when that cannot be asked', async () => {
    const { upstream, pond, onDemand } = await scene();
    const image = buildImage({ seed: 'again' });
    await upstream.push(image, 'latest');
    await onDemand.bringManifest(NAME, 'latest');
    const { digest } = layerOf(image);
    expect(await pond.images.refetch(digest, [NAME])).toBe(true);
    expect(await pond.images.refetch(digestOf('nowhere'), [NAME, 'lab/own'])).toBe(false);
    await upstream.faulty.offline();
    await expect(pond.images.refetch(image.digest, [NAME])).rejects.toMatchObject({ kind: 'connect' });
  });

  it('ends when whoever asked for it does', async () => {
    const { upstream, pond, onDemand } = await scene();
    const image = buildImage({ seed: 'ends', layers: [300_000] });
    await upstream.push(image, 'latest');
    await onDemand.bringManifest(NAME, 'latest');
    const { digest } = layerOf(image);
    upstream.faulty.inject({ on: { reference: digest }, action: { do: 'stall', after: 1000 } });
    const asker = new AbortController();
    const ended = expect(pond.images.refetch(digest, [NAME], asker.signal)).rejects.toThrow('enough');
    await expect.poll(() => upstream.faulty.requests({ reference: digest })).toHaveLength(1);
    asker.abort(new Error('enough'));
    await ended;
  });
});
