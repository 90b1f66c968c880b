import { describe, expect, it } from 'vitest';
import type { ImagePlan } from '../../../../core/oci/image-plan.js';
import { planImages } from '../../../../sync/upstreams/oci/plan.js';
import { buildImage, contentsOf } from '../../../fixtures/image-builder.js';
import { NAME, startPond, startUpstream, twoPlatforms, type Pond } from './image-scene.js';

async function planOf(pond: Pond, cheap = false): Promise<ImagePlan> {
  const { store, layout, images, settings } = pond;
  const { signal } = new AbortController();
  const options = { store, layout, services: images.services, clock: Date.now, signal, cheap };
  for await (const plan of planImages(options, settings.images.values())) return plan;
  throw new Error('no plan');
}

describe('planImages', () => {
  it('tells tags, pulls and bytes, and costs what the run then does not', async () => {
    const upstream = await startUpstream();
    const [one, two] = [twoPlatforms('one'), buildImage({ seed: 'two' })];
    await upstream.push(one, '1', 'latest');
    await upstream.push(two, '2');
    const pond = await startPond(upstream.faulty.url, { tags: { include: ['1', 'latest', '2'] } });
    const blobs = [...contentsOf(one).blobs, ...contentsOf(two).blobs];
    const plan = await planOf(pond);
    expect(plan).toMatchObject({ name: NAME, listed: 3, same: 0, going: [], isExact: true, problems: [] });
    expect([...plan.moving].sort()).toEqual(['1', '2', 'latest']);
    expect(plan).toMatchObject({ pulls: 4, spent: 4, here: { blobs: 0, bytes: 0 } });
    expect(plan.toFetch).toEqual({
      blobs: blobs.length,
      bytes: blobs.reduce((sum, { bytes }) => sum + bytes.length, 0),
    });
    expect(pond.store.repositories.get(NAME)).toBeUndefined();
    expect(upstream.faulty.requests({ kind: 'blob' })).toEqual([]);

    upstream.faulty.forgetRequests();
    expect(await pond.sync()).toMatchObject({ outcome: 'updated' });
    expect(upstream.faulty.requests({ kind: 'manifest', method: 'GET' })).toEqual([]);
    const after = await planOf(pond);
    expect(after).toMatchObject({ same: 3, moving: [], pulls: 0, spent: 0, toFetch: { blobs: 0, bytes: 0 } });
  });

  it('costs no pull when it only counts, and says that it is the least', async () => {
    const upstream = await startUpstream();
    await upstream.push(twoPlatforms('index'), 'index');
    await upstream.push(buildImage({ seed: 'image' }), 'image');
    const pond = await startPond(upstream.faulty.url, { platforms: ['linux/amd64', 'linux/arm64'] });
    const plan = await planOf(pond, true);
    expect(plan).toMatchObject({ pulls: 4, spent: 0, toFetch: null, here: null, isExact: false });
    expect(upstream.faulty.requests({ kind: 'manifest' }).map(({ method }) => method)).toEqual(['HEAD', 'HEAD']);
  });

  it('ends, and says why, where the next question would come to the same', async () => {
    const upstream = await startUpstream();
    for (const tag of ['1', '2', '3']) await upstream.push(buildImage({ seed: tag }), tag);
    const pond = await startPond(upstream.faulty.url);
    upstream.faulty.inject({ on: { kind: 'manifest', method: 'GET' }, action: { do: 'cut', after: 0 } });
    const plan = await planOf(pond);
    expect(plan).toMatchObject({ pulls: 1, spent: 0, isExact: false, problems: [expect.stringContaining('up.test')] });
    expect(upstream.faulty.requests({ kind: 'manifest', method: 'GET' })).toHaveLength(1);
  });

  it('tells what would go, and what could not be looked at', async () => {
    const upstream = await startUpstream();
    await upstream.push(buildImage({ seed: 'some' }), 'stays', 'goes', 'bad');
    const pond = await startPond(upstream.faulty.url);
    await pond.sync();
    await upstream.untag('goes');
    upstream.faulty.inject({ on: { reference: 'bad' }, action: { do: 'answer', status: 403 } });
    const plan = await planOf(pond);
    expect(plan).toMatchObject({ going: ['goes'], same: 1, moving: [] });
    expect(plan.problems).toEqual([expect.stringMatching(/^bad did not come: up\.test refuses access/)]);
    await upstream.faulty.offline();
    expect((await planOf(pond)).problems).toEqual([expect.stringContaining('up.test')]);
  });
});
