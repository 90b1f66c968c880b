import { describe, expect, it } from 'vitest';
import { buildArtifact, buildImage, descriptorOf } from '../../../fixtures/image-builder.js';
import { tooManyRequests } from '../../../fixtures/oci-faults.js';
import { NAME, pushReferrer, startPond, startUpstream, type Pond } from './image-scene.js';

const HOUR = 3_600_000;

function staleOf(pond: Pond): [string, number | null][] {
  return pond.store.tags.page(NAME, '', 99).map(({ tag, staleSince }) => [tag, staleSince]);
}

describe('a run of images that does not compare or bring all', () => {
  it.each([
    ['is refused', { do: 'answer', status: 403 }],
    ['is not answered for', { do: 'answer', status: 503 }],
    ['is not what it should be', { do: 'wrong-digest', digest: `sha256:${'0'.repeat(64)}` }],
  ] as const)('tells since when a tag that %s is stale, and of no other', async (_, action) => {
    const upstream = await startUpstream();
    await upstream.push(buildImage({ seed: 'good' }), 'good');
    await upstream.push(buildImage({ seed: 'bad' }), 'bad');
    const pond = await startPond(upstream.faulty.url, { stillClock: true });
    await pond.sync();
    upstream.faulty.inject({ on: { reference: 'bad' }, action });
    upstream.faulty.inject({ on: { reference: `sha256:${'0'.repeat(64)}` }, action });
    const since = (pond.clock.now += HOUR);
    expect(await pond.sync()).toMatchObject({ outcome: 'failed' });
    pond.clock.now += HOUR;
    expect(await pond.sync()).toMatchObject({ outcome: 'failed' });
    expect(staleOf(pond)).toEqual([
      ['bad', since],
      ['good', null],
    ]);
    expect(pond.images.troubleSince('up.test')).toBeNull();
    upstream.faulty.heal();
    expect(await pond.sync()).toMatchObject({ outcome: 'unchanged' });
    expect(staleOf(pond)).toEqual([
      ['bad', null],
      ['good', null],
    ]);
  });

  it.each([
    ['is limited', tooManyRequests(20_000)],
    ['is refused', { do: 'answer', status: 403 }],
  ] as const)('tells it of all tags of a repository that %s, and of no other repository', async (_, action) => {
    const upstream = await startUpstream();
    await upstream.push(buildImage({ seed: 'whole' }), '1', '2');
    const pond = await startPond(upstream.faulty.url, { stillClock: true });
    await pond.sync();
    const since = (pond.clock.now += HOUR);
    upstream.faulty.inject({ on: { kind: 'tags' }, action });
    expect(await pond.sync()).toMatchObject({ outcome: 'failed' });
    expect(staleOf(pond)).toEqual([
      ['1', since],
      ['2', since],
    ]);
    expect(pond.images.troubleSince('up.test')).toBeNull();
    upstream.faulty.heal();
    pond.clock.now += 24 * HOUR;
    expect(await pond.sync()).toMatchObject({ outcome: 'unchanged' });
    expect(staleOf(pond)).toEqual([
      ['1', null],
      ['2', null],
    ]);
  });

  it('is not given up for tags that are never answered for, however many, while others are', async () => {
    const upstream = await startUpstream();
    const tags = Array.from({ length: 48 }, (_, index) => `t${index + 10}`);
    await upstream.push(buildImage({ seed: 'before' }), ...tags);
    const pond = await startPond(upstream.faulty.url, { stillClock: true });
    await pond.sync();
    const image = buildImage({ seed: 'after' });
    await upstream.push(image, ...tags);
    const broken = tags.filter((_, index) => index % 4 === 0);
    for (const reference of broken)
      upstream.faulty.inject({ on: { reference }, action: { do: 'answer', status: 500 } });
    pond.clock.now += HOUR;
    const { message } = await pond.sync();
    expect(message).toMatch(/^12 tags did not come: /);
    expect(staleOf(pond).filter(([, since]) => since !== null)).toEqual(broken.map((tag) => [tag, pond.clock.now]));
    for (const tag of tags)
      if (!broken.includes(tag)) expect(pond.store.tags.get(NAME, tag)?.digest).toBe(image.digest);
    expect(pond.images.troubleSince('up.test')).toBeNull();
  });

  it('does not call a tag what is about one', async () => {
    const upstream = await startUpstream();
    const image = buildImage({ seed: 'signed late' });
    const about = buildArtifact({ seed: 'about', artifactType: 'application/sbom', subject: descriptorOf(image) });
    await upstream.push(image, '1');
    const pond = await startPond(upstream.faulty.url, { stillClock: true, mirror: { referrers: true } });
    await pond.sync();
    await pushReferrer(upstream, image, about);
    upstream.faulty.inject({ on: { reference: about.digest }, action: { do: 'answer', status: 403 } });
    pond.clock.now += 25 * HOUR;
    expect((await pond.sync()).message).toMatch(/^1 part did not come: what is about sha256:/);
    expect(staleOf(pond)).toEqual([['1', null]]);
  });

  it('knows what it had compared before it was asked to come back later', async () => {
    const upstream = await startUpstream();
    const tags = Array.from({ length: 20 }, (_, index) => `t${index + 10}`);
    await upstream.push(buildImage({ seed: 'compared' }), ...tags);
    const pond = await startPond(upstream.faulty.url, { stillClock: true });
    await pond.sync();
    const since = (pond.clock.now += HOUR);
    upstream.faulty.inject({ on: { reference: 't29' }, action: tooManyRequests(20_000) });
    expect(await pond.sync()).toMatchObject({ outcome: 'failed' });
    expect(staleOf(pond).filter(([, stale]) => stale !== null)).toEqual([['t29', since]]);
    expect(pond.store.tags.get(NAME, 't10')?.checkedAt).toBe(since);
  });

  it('tells it of all tags where the registry answers that it cannot, also when it gives others what they want', async () => {
    const upstream = await startUpstream();
    await upstream.push(buildImage({ seed: 'broken' }), '1', '2');
    const pond = await startPond(upstream.faulty.url, { stillClock: true });
    await pond.sync();
    const since = (pond.clock.now += HOUR);
    upstream.faulty.inject({ on: { kind: 'tags' }, action: { do: 'answer', status: 500 } });
    expect(await pond.sync()).toMatchObject({ outcome: 'failed', failure: 'connect' });
    pond.images.services.health.answered('up.test');
    expect(pond.images.troubleSince('up.test')).toBeNull();
    expect(staleOf(pond)).toEqual([
      ['1', since],
      ['2', since],
    ]);
  });

  it('tells it of the registry alone where that cannot be reached', async () => {
    const upstream = await startUpstream();
    await upstream.push(buildImage({ seed: 'down' }), '1');
    const pond = await startPond(upstream.faulty.url, { stillClock: true });
    await pond.sync();
    const since = (pond.clock.now += HOUR);
    await upstream.faulty.offline();
    expect(await pond.sync()).toMatchObject({ outcome: 'failed' });
    expect(staleOf(pond)).toEqual([['1', null]]);
    expect(pond.images.onDemand.staleSince(NAME)).toBe(since);
  });
});
