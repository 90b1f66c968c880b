import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  buildArtifact,
  buildImage,
  buildIndex,
  buildSignature,
  contentOf,
  cosignTag,
  descriptorOf,
} from '../../../fixtures/image-builder.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';
import { methodRefused, tooManyRequests } from '../../../fixtures/oci-faults.js';
import {
  endOf,
  heldOf,
  layerOf,
  NAME,
  pushReferrer,
  REPOSITORY,
  startPond,
  startUpstream,
  twoPlatforms,
  unfinished,
} from './image-scene.js';
import { json, startWebServer } from './registry-scene.js';

const HOUR = 3_600_000;

describe('a run of images', () => {
  it('brings what the tags name, and costs only HEADs when nothing has moved', async () => {
    const upstream = await startUpstream();
    const [one, two] = [twoPlatforms('one'), twoPlatforms('two')];
    await upstream.push(one, '1.0', 'latest');
    await upstream.push(two, '2.0');
    const pond = await startPond(upstream.faulty.url);
    const first = await pond.sync();
    expect(first).toMatchObject({ outcome: 'updated', upstream: `up.test/${REPOSITORY}`, generation: null });
    for (const image of [one, two]) expect(heldOf(pond, image).lacks).toEqual([]);
    expect(pond.store.tags.get(NAME, 'latest')?.digest).toBe(one.digest);
    expect(first.numbers).toMatchObject({ totalFiles: 14, transferredFiles: 14 });
    expect(first.numbers.transferredBytes).toBe(first.numbers.totalBytes);
    expect(unfinished(pond)).toEqual([]);

    upstream.faulty.forgetRequests();
    const second = await pond.sync();
    expect(second).toMatchObject({ outcome: 'unchanged', markerValue: first.markerValue });
    expect(upstream.faulty.requests({ kind: 'manifest', method: 'HEAD' })).toHaveLength(3);
    expect(upstream.faulty.requests({ method: 'GET' }).map(({ kind }) => kind)).toEqual(['tags']);
  });

  it('tells since when upstream is down, until a run reaches it again', async () => {
    const upstream = await startUpstream();
    await upstream.push(buildImage({ seed: 'down' }), 'latest');
    const pond = await startPond(upstream.faulty.url);
    await pond.sync();
    expect(pond.images.onDemand.staleSince(NAME)).toBeNull();
    await upstream.faulty.offline();
    expect(await pond.sync()).toMatchObject({ outcome: 'failed' });
    const down = pond.images.onDemand.staleSince(NAME);
    expect(down).not.toBeNull();
    expect(await pond.sync()).toMatchObject({ outcome: 'failed' });
    expect(pond.images.onDemand.staleSince(NAME)).toBe(down);
    await upstream.faulty.online();
    expect(await pond.sync()).toMatchObject({ outcome: 'unchanged' });
    expect(pond.images.onDemand.staleSince(NAME)).toBeNull();
    expect(pond.store.upstreamTroubles.all()).toEqual(new Map());
  });

  it('reads no manifest that has not changed, and brings again one that is damaged on the disk when it is forced', async () => {
    const upstream = await startUpstream();
    const image = buildImage({ seed: 'damaged' });
    await upstream.push(image, 'latest');
    const pond = await startPond(upstream.faulty.url);
    await pond.sync();
    await writeFile(pond.layout.blob(image.digest), 'x'.repeat(image.bytes.length));
    expect(await pond.sync()).toMatchObject({ outcome: 'unchanged' }); // the scrub, and whoever serves it, look
    expect(await pond.sync({ force: true })).toMatchObject({ outcome: 'updated' });
    expect(heldOf(pond, image).lacks).toEqual([]);
    expect(await pond.sync()).toMatchObject({ outcome: 'unchanged' });
  });

  it('moves a tag, keeps what it was, and removes tags that are gone', async () => {
    const upstream = await startUpstream();
    const [before, after] = [twoPlatforms('before'), twoPlatforms('after')];
    await upstream.push(before, 'latest', 'old');
    const pond = await startPond(upstream.faulty.url);
    await pond.sync();
    await upstream.push(after, 'latest');
    await upstream.untag('old');
    const run = await pond.sync();
    expect(run).toMatchObject({ outcome: 'updated' });
    expect(pond.store.tags.get(NAME, 'latest')?.digest).toBe(after.digest);
    expect(pond.store.tags.history(NAME, 'latest', 5).map(({ digest }) => digest)).toEqual([before.digest]);
    expect(pond.store.tags.get(NAME, 'old')).toBeUndefined();
    expect(run.numbers.deletedFiles).toBe(1);
  });

  it('takes the platforms that are wanted, with attestations about them, and keeps the index as it is', async () => {
    const upstream = await startUpstream();
    const amd = buildImage({ seed: 'amd' });
    const arm = buildImage({ seed: 'arm', platform: 'linux/arm64' });
    const attestation = buildImage({ seed: 'attestation', platform: 'unknown/unknown' });
    const other = buildImage({ seed: 'other', platform: 'unknown/unknown' });
    const plain = buildIndex([amd, arm, attestation, other]);
    const json = JSON.parse(plain.bytes.toString()) as { manifests: Record<string, unknown>[] };
    const about = [undefined, undefined, amd.digest, arm.digest];
    json.manifests.forEach((entry, position) => {
      if (about[position]) entry['annotations'] = { 'vnd.docker.reference.digest': about[position] };
    });
    const index = { ...plain, ...contentOf(plain.mediaType, JSON.stringify(json)) };
    await upstream.push(index, 'latest');
    const pond = await startPond(upstream.faulty.url, { platforms: ['linux/amd64'] });
    expect(await pond.sync()).toMatchObject({ outcome: 'updated' });
    expect(pond.store.tags.get(NAME, 'latest')?.digest).toBe(index.digest);
    for (const here of [amd, attestation]) expect(heldOf(pond, here).lacks).toEqual([]);
    for (const absent of [arm, other]) expect(heldOf(pond, absent).has).toEqual([]);
    expect(await pond.sync()).toMatchObject({ outcome: 'unchanged' });
  });

  it('brings what was not wanted before, without another GET of what is here', async () => {
    const upstream = await startUpstream();
    const index = twoPlatforms('more');
    await upstream.push(index, 'latest');
    const folder = await tempFolder();
    const narrow = await startPond(upstream.faulty.url, { folder, platforms: ['linux/amd64'] });
    await narrow.sync();
    await narrow.stop();
    upstream.faulty.forgetRequests();
    const wide = await startPond(upstream.faulty.url, { folder });
    expect(await wide.sync()).toMatchObject({ outcome: 'updated' });
    expect(heldOf(wide, index).lacks).toEqual([]);
    expect(upstream.faulty.requests({ kind: 'manifest', method: 'GET' })).toHaveLength(1);
  });

  it('goes on with the other tags when one is refused, and says which', async () => {
    const upstream = await startUpstream();
    const [good, bad] = [twoPlatforms('good'), twoPlatforms('bad')];
    await upstream.push(good, 'good');
    await upstream.push(bad, 'bad');
    upstream.faulty.inject({ on: { reference: 'bad' }, action: { do: 'answer', status: 403, code: 'DENIED' } });
    const pond = await startPond(upstream.faulty.url);
    const run = await pond.sync();
    expect(run).toMatchObject({ outcome: 'failed', failure: 'refused' });
    expect(run.message).toMatch(/^1 tag did not come: bad \(up\.test refuses access/);
    expect(pond.store.tags.get(NAME, 'good')?.digest).toBe(good.digest);
    expect(heldOf(pond, good).lacks).toEqual([]);
  });

  it('leaves a tag where it is when a part of the new image does not come', async () => {
    const upstream = await startUpstream();
    const [before, after] = [twoPlatforms('whole'), twoPlatforms('torn')];
    await upstream.push(before, 'latest');
    const pond = await startPond(upstream.faulty.url);
    await pond.sync();
    await upstream.push(after, 'latest');
    const missing = after.children[1]?.blobs[1]?.digest ?? '';
    upstream.faulty.inject({ on: { reference: missing }, action: { do: 'answer', status: 404 } });
    expect(await pond.sync()).toMatchObject({ outcome: 'failed', failure: 'refused' });
    expect(pond.store.tags.get(NAME, 'latest')?.digest).toBe(before.digest);
    upstream.faulty.heal();
    expect(await pond.sync()).toMatchObject({ outcome: 'updated' });
    expect(pond.store.tags.get(NAME, 'latest')?.digest).toBe(after.digest);
    expect(heldOf(pond, after).lacks).toEqual([]);
  });

  it('brings what is signed after the image came, asking once a day for a week', async () => {
    const upstream = await startUpstream();
    const image = buildImage({ seed: 'late' });
    const sbom = buildArtifact({ seed: 'sbom', artifactType: 'application/sbom', subject: descriptorOf(image) });
    await upstream.push(image, 'latest');
    const pond = await startPond(upstream.faulty.url, { mirror: { referrers: true }, stillClock: true });
    await pond.sync();
    await pushReferrer(upstream, image, sbom);
    const asked = () => upstream.faulty.requests({ kind: 'referrers', reference: image.digest }).length;
    const before = asked();
    expect(await pond.sync()).toMatchObject({ outcome: 'unchanged' });
    expect(asked()).toBe(before);

    pond.clock.now += 25 * HOUR;
    expect(await pond.sync()).toMatchObject({ outcome: 'updated' });
    expect(heldOf(pond, sbom).lacks).toEqual([]);
    pond.clock.now += 25 * HOUR;
    const daily = asked();
    expect(await pond.sync()).toMatchObject({ outcome: 'unchanged' });
    expect(asked()).toBe(daily + 1);
    pond.clock.now += 7 * 24 * HOUR;
    await pond.sync();
    expect(asked()).toBe(daily + 1);
  });

  it('asks no more what is signed late once the registry wants to be left alone, and is in step all the same', async () => {
    const upstream = await startUpstream();
    for (let tag = 1; tag <= 8; tag++) await upstream.push(buildImage({ seed: `late ${tag}` }), String(tag));
    const pond = await startPond(upstream.faulty.url, { mirror: { referrers: true }, stillClock: true });
    await pond.sync();
    pond.clock.now += 25 * HOUR;
    upstream.faulty.inject({ on: { kind: 'referrers' }, action: tooManyRequests(20_000) });
    const run = await pond.sync();
    expect(run).toMatchObject({ outcome: 'unchanged' });
    expect(pond.log(run).match(/ is not known: /g)?.length).toBeLessThanOrEqual(4);
  });

  it('brings what is signed late of one platform only, and costs HEADs alone while no question is due', async () => {
    const upstream = await startUpstream();
    const index = twoPlatforms('late child');
    const [amd64, arm64] = index.children;
    if (!amd64 || !arm64) throw new Error('it has no children');
    const signature = buildArtifact({ seed: 'sig', artifactType: 'application/sig', subject: descriptorOf(amd64) });
    await upstream.push(index, '1.0', 'latest');
    const how = { mirror: { referrers: true }, platforms: ['linux/amd64'], stillClock: true };
    const pond = await startPond(upstream.faulty.url, how);
    await pond.sync();
    await pushReferrer(upstream, amd64, signature);
    upstream.faulty.forgetRequests();
    pond.clock.now += 23 * HOUR;
    expect(await pond.sync()).toMatchObject({ outcome: 'unchanged' });
    expect(upstream.faulty.requests().map(({ method, kind }) => `${method} ${kind}`)).toEqual([
      ...['GET tags', 'HEAD manifest', 'HEAD manifest'],
    ]);

    pond.clock.now += 2 * HOUR;
    expect(await pond.sync()).toMatchObject({ outcome: 'updated' });
    expect(heldOf(pond, signature).lacks).toEqual([]);
    upstream.faulty.forgetRequests();
    pond.clock.now += 25 * HOUR;
    expect(await pond.sync()).toMatchObject({ outcome: 'unchanged' });
    const asked = upstream.faulty.requests({ kind: 'referrers' }).map(({ reference }) => reference);
    expect(asked.sort()).toEqual([index.digest, amd64.digest].sort());
  });

  it('brings signatures, attestations and referrers of referrers before the tag moves', async () => {
    const upstream = await startUpstream();
    const image = buildImage({ seed: 'signed' });
    const sbom = buildArtifact({ seed: 'sbom', subject: descriptorOf(image), artifactType: 'application/sbom' });
    const signature = buildArtifact({ seed: 'sig', subject: descriptorOf(sbom), artifactType: 'application/sig' });
    await upstream.push(image, 'latest');
    await upstream.push(sbom);
    await upstream.push(signature);
    await upstream.push(buildIndex([sbom]), image.digest.replace(':', '-'));
    await upstream.push(buildIndex([signature]), sbom.digest.replace(':', '-'));
    await upstream.push(buildSignature(image), cosignTag(image.digest));
    await upstream.push(buildSignature(buildImage({ seed: 'not here' })), `sha256-${'0'.repeat(64)}.sig`);
    const pond = await startPond(upstream.faulty.url, { mirror: { referrers: true } });
    expect(await pond.sync()).toMatchObject({ outcome: 'updated' });
    for (const one of [image, sbom, signature, buildSignature(image)]) expect(heldOf(pond, one).lacks).toEqual([]);
    const page = { after: '', limit: 10 };
    expect(pond.store.manifests.referrers(NAME, image.digest, page).map(({ digest }) => digest)).toEqual([sbom.digest]);
    expect(pond.store.tags.names(NAME, '', 10)).toEqual(['latest', cosignTag(image.digest)]);
    upstream.faulty.forgetRequests();
    expect(await pond.sync()).toMatchObject({ outcome: 'unchanged' });
    expect(upstream.faulty.requests({ kind: 'manifest', method: 'GET' })).toEqual([]);
  });

  it('is held when most tags would go, and removes them when it is forced', async () => {
    const upstream = await startUpstream();
    const image = buildImage({ seed: 'many' });
    const tags = Array.from({ length: 25 }, (_, index) => `t${index}`);
    await upstream.push(image, ...tags);
    const pond = await startPond(upstream.faulty.url);
    await pond.sync();
    for (const tag of tags.slice(0, 22)) await upstream.untag(tag);
    const held = await pond.sync();
    expect(held).toMatchObject({ outcome: 'held' });
    expect(held.message).toMatch(/^22 of 25 tags would go/);
    expect(pond.store.tags.count(NAME)).toBe(25);
    expect(await pond.sync({ force: true })).toMatchObject({ outcome: 'updated' });
    expect(pond.store.tags.count(NAME)).toBe(3);
  });

  it('is tried again not before the registry allows it', async () => {
    const upstream = await startUpstream();
    await upstream.push(buildImage({ seed: 'limited' }), 'latest');
    upstream.faulty.inject({ on: { kind: 'manifest' }, action: tooManyRequests(20_000) });
    const pond = await startPond(upstream.faulty.url);
    const run = await pond.sync();
    expect(run).toMatchObject({ outcome: 'failed', failure: 'refused' });
    expect((run.retryAt ?? 0) - (run.endedAt ?? 0)).toBeGreaterThan(19_000_000);
  });

  it('fails with the class of what is wrong when the registry is down', async () => {
    const upstream = await startUpstream();
    const pond = await startPond(upstream.faulty.url);
    await upstream.faulty.offline();
    expect(await pond.sync()).toMatchObject({ outcome: 'failed', failure: 'connect' });
  });

  it('is cancelled in mid-fetch, and the next run goes on from the byte where it was', async () => {
    const upstream = await startUpstream();
    const image = buildImage({ seed: 'large', layers: [4_000_000] });
    const layer = layerOf(image);
    await upstream.push(image, 'latest');
    upstream.faulty.inject({ on: { reference: layer.digest }, action: { do: 'stall', after: 1_000_000 }, times: 1 });
    const folder = await tempFolder();
    const pond = await startPond(upstream.faulty.url, { folder });
    const ended = endOf(pond.engine, pond.engine.trigger(NAME, 'manual').id);
    await expect.poll(() => upstream.faulty.bytesDown({ reference: layer.digest })).toBe(1_000_000);
    await expect.poll(() => unfinished(pond)).toHaveLength(1);
    await pond.engine.cancel(NAME);
    expect(await ended).toMatchObject({ outcome: 'cancelled' });
    await pond.stop();
    upstream.faulty.forgetRequests();
    const again = await startPond(upstream.faulty.url, { folder });
    expect(await again.sync()).toMatchObject({ outcome: 'updated' });
    expect(heldOf(again, image).lacks).toEqual([]);
    const [request] = upstream.faulty.requests({ reference: layer.digest });
    expect(request?.status).toBe(206);
    expect(upstream.faulty.bytesDown({ reference: layer.digest })).toBeLessThan(layer.bytes.length);
  });

  it('costs a HEAD for each of 1,000 tags that have not moved, and no GET', async () => {
    const image = buildImage({ seed: 'thousand' });
    const tags = Array.from({ length: 1_000 }, (_, index) => `1.${index}`);
    const server = await startWebServer(({ url, method }, response) => {
      if (url.includes('/tags/list')) return json(response, { name: REPOSITORY, tags });
      if (url.includes('/blobs/')) {
        const blob = image.blobs.find(({ digest }) => url.endsWith(digest));
        return void response.end(blob?.bytes);
      }
      response.writeHead(200, {
        ...{ 'content-type': image.mediaType, 'content-length': image.bytes.length },
        'docker-content-digest': image.digest,
      });
      response.end(method === 'HEAD' ? undefined : image.bytes);
    });
    const pond = await startPond(server.url);
    expect(await pond.sync()).toMatchObject({ outcome: 'updated' });
    expect(server.count('GET', `/v2/${REPOSITORY}/manifests/`)).toBe(1);
    server.asked.length = 0;
    expect(await pond.sync()).toMatchObject({ outcome: 'unchanged' });
    expect(server.count('HEAD')).toBe(1_000);
    expect(server.count('GET')).toBe(1);
    expect(pond.store.tags.count(NAME)).toBe(1_000);
  });

  it('asks by GET where the registry refuses HEAD', async () => {
    const upstream = await startUpstream();
    const image = buildImage({ seed: 'no head' });
    await upstream.push(image, 'latest');
    upstream.faulty.inject({ on: { method: 'HEAD' }, action: methodRefused() });
    const pond = await startPond(upstream.faulty.url);
    expect(await pond.sync()).toMatchObject({ outcome: 'updated' });
    expect(heldOf(pond, image).lacks).toEqual([]);
    expect(await pond.sync()).toMatchObject({ outcome: 'unchanged' });
  });

  it('keeps in step what a client has fetched on demand beside the selection', async () => {
    const upstream = await startUpstream();
    const [chosen, asked] = [buildImage({ seed: 'chosen' }), buildImage({ seed: 'asked' })];
    await upstream.push(chosen, 'chosen');
    await upstream.push(asked, 'asked', 'unused');
    const pond = await startPond(upstream.faulty.url, {
      tags: { include: ['chosen'] },
      registry: { onDemand: { allow: ['library/*'], keep: 1e9, recheck: 60, zones: [], pin: [] } },
    });
    await pond.sync();
    for (const tag of ['asked', 'unused']) await pond.images.onDemand.bringManifest(NAME, tag);
    pond.store.tags.addPulls(NAME, 'asked', { pulls: 1, at: Date.now() });
    expect(await pond.sync()).toMatchObject({ outcome: 'updated' });
    expect(pond.store.tags.names(NAME, '', 10)).toEqual(['asked', 'chosen']);
    expect(heldOf(pond, asked).lacks).toEqual([]);
  });

  it('fails, and touches nothing, when the repository is one that is pushed to', async () => {
    const upstream = await startUpstream();
    await upstream.push(buildImage({ seed: 'hosted' }), 'latest');
    const pond = await startPond(upstream.faulty.url);
    pond.store.repositories.ensure(NAME, 'hosted', 0);
    expect(await pond.sync()).toMatchObject({ outcome: 'failed', failure: 'local' });
    expect(pond.store.tags.count(NAME)).toBe(0);
  });
});
