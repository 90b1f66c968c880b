import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildImage, buildIndex, buildSignature, cosignTag } from '../../fixtures/image-builder.js';
import { configureImages, HUB, HUB_USE, makeImage, statisticsOf, storeImage } from '../image-scene.js';
import { addRun, HOUR, IDLE, MINUTE, NOW, openScene, writeLog, type Scene } from '../scene.js';

const NAME = 'docker.io/library/debian';
const PATH = `/images/${NAME}`;

describe('/images/<repository>', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [], imageStatistics: statisticsOf(HUB_USE) });
    const tags = {
      semver: '>=11',
      latest: 3,
      latestOf: 'minor' as const,
      include: ['stable*'],
      exclude: ['*-backports'],
    };
    const platforms = [{ os: 'linux', architecture: 'amd64', variant: '' }];
    configureImages(
      scene,
      [HUB],
      [makeImage(HUB, 'library/debian', { platforms, tags: { ...tags, pulledWithin: 86_400 } })],
    );
  });
  afterEach(() => scene.close());

  async function page(path = PATH): Promise<string> {
    const answer = await request(scene.http).get(path).set('Accept', 'text/html');
    expect(answer.status).toBe(200);
    return answer.text;
  }

  it('is kept by no cache where it names the server as this client calls it', async () => {
    await storeImage(scene, buildImage({ seed: 'd' }), { repository: NAME, origin: 'mirrored', tags: ['12'] });
    const rule = async (path: string): Promise<string | undefined> => {
      const asked = request(scene.http).get(path).set('Accept', 'text/html');
      return (await asked.set('X-Forwarded-Host', 'other.example.org')).headers['cache-control'];
    };
    const paths = ['/images', PATH, `${PATH}/-/tags/12`];
    expect(await Promise.all(paths.map(rule))).not.toContain('no-store');
    scene.settings = { ...scene.settings, site: { ...scene.settings.site, url: null } };
    expect(await Promise.all(paths.map(rule))).toEqual(['no-store', 'no-store', 'no-store']);
  });

  it('says in a sentence how it stands against upstream', async () => {
    expect(await page()).toContain('The first fetch is not complete yet. Nothing is served yet.');
    await storeImage(scene, buildImage({ seed: 'd' }), { repository: NAME, origin: 'mirrored', tags: ['12'] });
    addRun(scene, NAME, { outcome: 'unchanged', queuedAt: NOW - HOUR, markerValue: 'M' });
    expect(await page()).toMatch(/Same as upstream as of <time datetime="2026-11-23T13:00:00\.000Z">/);
  });

  it('shows progress whole, and follows the events of this repository', async () => {
    const running = { ...addRun(scene, NAME), phase: 'pull' as const, outcome: null, endedAt: null };
    const progress = { stage: 'images', stageIndex: 1, stageCount: 1, pass: 1, files: 8, bytes: 1.4e6, rate: 2.2e6 };
    scene.engine.activities.set(NAME, {
      ...{ ...IDLE, running, lastByteAt: NOW },
      progress: { ...progress, percent: 62, toCheck: 5, known: 13, eta: 4 },
    });
    const text = await page();
    expect(text).toContain('<progress max="100" value="62"');
    expect(text).toContain('data-progress="docker.io/library/debian"');
    expect(text).toContain('data-events="/api/v1/events?mirror=docker.io%2Flibrary%2Fdebian"');
    const stream = await request(scene.http).head('/api/v1/events?mirror=docker.io%2Flibrary%2Fdebian');
    expect(stream.status).toBe(200);
  });

  it('lists tags with digest, platforms, size and times; absent platforms are said to be so', async () => {
    const children = ['linux/amd64', 'linux/s390x'].map((platform) => buildImage({ seed: platform, platform }));
    const index = buildIndex(children);
    await storeImage(scene, index, {
      ...{ repository: NAME, origin: 'mirrored', tags: ['12'], at: NOW - 3 * HOUR, checkedAt: NOW - 20 * MINUTE },
      without: children.slice(1),
    });
    scene.store.tags.addPulls(NAME, '12', { pulls: 41, at: NOW - MINUTE });
    const text = await page();
    expect(text).toContain(`href="${PATH}/-/tags/12"`);
    expect(text).toContain(`href="${PATH}/-/manifests/${index.digest}"`);
    expect(text).toContain('<span class="chip">linux/amd64</span>');
    expect(text).toContain('<span class="chip absent">linux/s390x<span class="vh"> (not mirrored)</span></span>');
    for (const shown of ['3 h ago', '20 min ago', '41 pulls']) expect(text).toContain(shown);
  });

  it('says since when a tag could not be compared', async () => {
    await storeImage(scene, buildImage({ seed: 's' }), { repository: NAME, origin: 'mirrored', tags: ['12'] });
    expect(await page()).not.toContain('fails since');
    scene.store.tags.setStale(NAME, '12', NOW - HOUR);
    expect(await page()).toMatch(/fails since <time datetime="2026-11-23T13:00:00\.000Z">/);
    expect((await request(scene.http).get(`/api/v1/images/${NAME}/-/tags/12`)).body).toMatchObject({
      staleSince: NOW - HOUR,
    });
  });

  it('shows the platform of an image that is in no index', async () => {
    const image = buildImage({ seed: 'arm', platform: 'linux/arm/v7' });
    await storeImage(scene, image, { repository: NAME, origin: 'mirrored', tags: ['arm'] });
    expect(await page()).toContain('<span class="chip">linux/arm/v7</span>');
  });

  it('filters and pages tags, and leaves out those that are made of digests unless they are looked for', async () => {
    const image = buildImage({ seed: 'd' });
    const tags = Array.from({ length: 120 }, (_each, index) => `v${String(index).padStart(3, '0')}`);
    await storeImage(scene, image, { repository: NAME, origin: 'mirrored', tags });
    const signature = cosignTag(image.digest);
    await storeImage(scene, buildSignature(image), { repository: NAME, origin: 'mirrored', tags: [signature] });
    const seen: string[] = [];
    let path: string | undefined = PATH;
    for (let pages = 0; path !== undefined && pages < 5; pages++) {
      const text = await page(path);
      seen.push(...[...text.matchAll(/\/-\/tags\/([^"]+)"/g)].map(([, tag = '']) => tag));
      path = /<a href="([^"#]+)#tags" rel="next">/.exec(text)?.[1]?.replaceAll('&amp;', '&');
    }
    expect(seen).toEqual(tags);
    expect(await page()).toContain('Not listed: 1 tag that tools made of digests');
    expect(await page(`${PATH}?q=V01`)).toContain(`${PATH}/-/tags/v019`);
    expect(await page(`${PATH}?q=V01`)).not.toContain(`${PATH}/-/tags/v020`);
    expect(await page(`${PATH}?q=sha256-`)).toContain(`${PATH}/-/tags/${signature}`);
  });

  it('tells what is selected, where it comes from, and what the registry leaves', async () => {
    const text = await page();
    expect(text).toContain(
      'the newest 3 of each minor version, of versions within “&gt;=11”; tags like stable*; what was pulled here within 1 d; ' +
        'what clients have fetched on demand lately, but never *-backports',
    );
    for (const shown of ['linux/amd64', 'every 6 h', '63 of 80 in each 6 h', 'come along'])
      expect(text).toContain(shown);
  });

  it('gives commands for the public address, and for the address of the request where there is none', async () => {
    await storeImage(scene, buildImage({ seed: 'd' }), {
      repository: NAME,
      origin: 'mirrored',
      tags: ['12', 'latest'],
    });
    const text = await page();
    for (const command of ['docker pull', 'podman pull', 'nerdctl pull', 'ctr images pull', 'image:'])
      expect(text).toContain(`<code data-copy>${command} mirror.example.edu/${NAME}:latest</code>`);
    scene.settings = { ...scene.settings, site: { ...scene.settings.site, url: null } };
    const { host } = new URL(scene.url);
    expect(await page()).toContain(`podman pull --tls-verify=false ${host}/${NAME}:latest`);
  });

  it('draws its runs, whose pages are below it', async () => {
    const run = addRun(scene, NAME, { message: '1 tag moved, 0 went; 4 blobs and manifests (3 MB) came.' });
    await writeLog(scene, run, 'bookworm is sha256:abc from now on.\n');
    expect(await page()).toContain(`href="${PATH}/-/runs/${run.id}"`);
    const text = await page(`${PATH}/-/runs/${run.id}`);
    expect(text).toContain(`<a href="/images">Images</a> <span aria-hidden="true">/</span> <a href="${PATH}">`);
    for (const shown of ['1 tag moved', 'bookworm is sha256:abc', 'Whole repository']) expect(text).toContain(shown);
    const log = await request(scene.http).get(`${PATH}/-/runs/${run.id}?log=full`);
    expect(log.text).toBe('bookworm is sha256:abc from now on.\n');
    const answer = await request(scene.http).get(`${PATH}/-/runs/99`).set('Accept', 'text/html');
    expect(answer.status).toBe(404);
    expect(answer.text).toContain('has no run &#34;99&#34;');
  });

  it('is as useful of what was pushed, without an upstream', async () => {
    await storeImage(scene, buildImage({ seed: 'l' }), {
      repository: 'lab/tool',
      origin: 'hosted',
      tags: ['1'],
      checkedAt: null,
    });
    const text = await page('/images/lab/tool');
    expect(text).toContain('This repository was pushed here.');
    expect(text).toContain('has no upstream');
    expect(text).toContain('docker pull mirror.example.edu/lab/tool:1');
    for (const absent of ['Where it comes from', '>Runs<', 'hosts.toml']) expect(text).not.toContain(absent);
  });

  it('says by which rules pushed tags go', async () => {
    const limits = { keepNewest: null, olderThan: null, unpulledFor: null };
    const retention = [
      { ...limits, repositories: ['lab/*'], tags: ['nightly-*'], keepNewest: 10, olderThan: 2_592_000 },
      { ...limits, repositories: ['lab/other'], tags: [], keepNewest: 7 },
      { ...limits, repositories: ['**'], tags: [], unpulledFor: 7_776_000 },
    ];
    scene.settings = { ...scene.settings, registry: { ...scene.settings.registry, retention } };
    await storeImage(scene, buildImage({ seed: 'l' }), { repository: 'lab/tool', origin: 'hosted', tags: ['1'] });
    const text = await page('/images/lab/tool');
    expect(text).toContain(
      '<dt>Retention of nightly-*</dt><dd>keeps the newest 10 and what was pushed within 30 d</dd>',
    );
    expect(text).toContain(
      '<dt>Retention of all tags that no rule above names</dt><dd>keeps what was pulled or pushed within 90 d</dd>',
    );
    expect(text).not.toContain('the newest 7');
    expect(await page()).not.toContain('Retention of');
  });
});
