import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OCI_MANIFEST } from '../../../core/oci/media-types.js';
import {
  buildArtifact,
  buildImage,
  buildIndex,
  buildSignature,
  contentOf,
  cosignTag,
  descriptorOf,
  jsonContent,
  type Image,
} from '../../fixtures/image-builder.js';
import { configureImages, HUB, makeImage, storeImage } from '../image-scene.js';
import { HOUR, NOW, openScene, type Scene } from '../scene.js';

const NAME = 'docker.io/library/debian';
const PATH = `/images/${NAME}`;
const HOSTILE = '<script>alert(1)</script>"\' onerror=x';

/** An image whose configuration is `config`. */
function imageWith(config: unknown, annotations?: Record<string, string>): Image {
  const content = jsonContent('application/vnd.oci.image.config.v1+json', undefined, config);
  const layer = contentOf('application/vnd.oci.image.layer.v1.tar+gzip', 'a layer');
  const manifest = jsonContent(OCI_MANIFEST, undefined, {
    ...{ schemaVersion: 2, mediaType: OCI_MANIFEST, config: descriptorOf(content), layers: [descriptorOf(layer)] },
    ...(annotations ? { annotations } : {}),
  });
  return { ...manifest, blobs: [content, layer], children: [], platform: null };
}

describe('/images/<repository>/-/manifests/<digest>', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [] });
    configureImages(scene, [HUB], [makeImage(HUB, 'library/debian')]);
  });
  afterEach(() => scene.close());

  const store = (image: Image, tags: string[] = [], without: Image[] = []): Promise<void> =>
    storeImage(scene, image, { repository: NAME, origin: 'mirrored', tags, without, at: NOW - HOUR });

  async function page(path: string): Promise<string> {
    const answer = await request(scene.http).get(`${PATH}/-/${path}`).set('Accept', 'text/html');
    expect(answer.status).toBe(200);
    return answer.text;
  }

  it('shows the platforms of an index, and says which are not mirrored', async () => {
    const children = ['linux/amd64', 'linux/arm64', 'linux/s390x'].map((platform) =>
      buildImage({ seed: platform, platform }),
    );
    const index = buildIndex(children);
    await store(index, ['12'], children.slice(2));
    const text = await page(`manifests/${index.digest}`);
    expect(text).toContain('An index of 3 platforms, 2 of which are mirrored here');
    expect(text).toContain(`href="${PATH}/-/manifests/${children[0]?.digest}">linux/amd64</a>`);
    expect(text).toContain('linux/s390x</span> <span class="quiet">· not mirrored here</span>');
    expect(text).toContain(`href="/v2/${NAME}/manifests/${index.digest}"`);
    const answer = await request(scene.http)
      .get(`${PATH}/-/manifests/${children[2]?.digest}`)
      .set('Accept', 'text/html');
    expect(answer.status).toBe(404);
    expect(answer.text).toContain('It is that of linux/s390x, which is not mirrored here.');
  });

  it('shows layers with size, type and what made them, and the configuration without values of variables', async () => {
    const image = imageWith({
      ...{ created: '2026-02-03T04:05:06Z', os: 'linux', architecture: 'riscv64' },
      config: {
        ...{ Entrypoint: ['/usr/bin/tini', '--'], Cmd: ['serve'], User: 'nobody', WorkingDir: '/srv' },
        ...{ Env: ['PATH=/bin', 'SECRET=hunter2'], ExposedPorts: { '80/tcp': {} }, Labels: { vendor: 'us' } },
      },
      history: [{ created_by: 'ADD rootfs.tar' }, { created_by: 'ENV SECRET', empty_layer: true }],
    });
    await store(image);
    const text = await page(`manifests/${image.digest}`);
    expect(text).toContain('An image for linux/riscv64 of 1 layer');
    expect(text).toContain('application/vnd.oci.image.layer.v1.tar+gzip');
    for (const shown of [
      'ADD rootfs.tar',
      '/usr/bin/tini --',
      'serve',
      'nobody',
      '/srv',
      '80/tcp',
      'PATH, SECRET',
      'vendor',
    ])
      expect(text).toContain(shown);
    expect(text).not.toContain('hunter2');
  });

  it('escapes whatever others wrote, and cuts it', async () => {
    const labels = Object.fromEntries(Array.from({ length: 300 }, (_each, index) => [`label-${index}`, 'x']));
    const image = imageWith(
      {
        ...{ created: HOSTILE, author: `${HOSTILE}\u202e\u0000`, os: HOSTILE, architecture: HOSTILE },
        config: { Entrypoint: [HOSTILE], Env: [`${HOSTILE}=1`, 7, null], Labels: { [HOSTILE]: HOSTILE, ...labels } },
        history: [{ created_by: HOSTILE.repeat(1000) }],
      },
      { [HOSTILE]: HOSTILE, long: 'y'.repeat(100_000) },
    );
    await store(image, ['evil']);
    for (const text of [await page(`manifests/${image.digest}`), await page('tags/evil')]) {
      expect(text).not.toMatch(/<script>alert|onerror=x"|"' onerror/);
      expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39; onerror=x');
      for (const unseen of ['\u202e', '\u0000']) expect(text).not.toContain(unseen);
      expect(text).not.toContain('label-200');
      expect(text.length).toBeLessThan(60_000);
    }
    const listed = await request(scene.http).get(PATH).set('Accept', 'text/html');
    expect(listed.text).not.toContain('<script>alert');
  });

  it.each([
    ['a configuration that is a list', ['x']],
    ['members of wrong types', { created: 7, config: { Env: {}, Labels: [], Entrypoint: 'sh' }, history: 'x' }],
    ['null', null],
  ])('is shown all the same with %s', async (_name, config) => {
    const image = imageWith(config);
    await store(image);
    expect(await page(`manifests/${image.digest}`)).toContain('of 1 layer');
  });

  it('does not read a configuration over a mebibyte, nor one that is not of this repository', async () => {
    const large = imageWith({ author: 'somebody', config: { Labels: { x: 'y'.repeat(1024 * 1024) } } });
    await store(large);
    expect(await page(`manifests/${large.digest}`)).not.toContain('somebody');
    const secret = imageWith({ author: 'not-for-here' });
    await storeImage(scene, secret, { repository: 'lab/private', origin: 'hosted' });
    await storeImage(scene, { ...secret, blobs: [] }, { repository: 'lab/other', origin: 'hosted' });
    scene.store.repositories.unlink('lab/other', secret.blobs[0]?.digest ?? '');
    const answer = await request(scene.http).get(`/images/lab/other/-/manifests/${secret.digest}`);
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain('not-for-here');
  });

  it('lists signatures of cosign and referrers of the API, by what they are', async () => {
    const image = buildImage({ seed: 'd' });
    const sbom = buildArtifact({ seed: 's', artifactType: 'application/spdx+json', subject: descriptorOf(image) });
    await store(image, ['12']);
    await store(buildSignature(image), [cosignTag(image.digest)]);
    await store(sbom);
    const text = await page('tags/12');
    expect(text).toMatch(/>signature<\/a>/);
    expect(text).toContain(`href="${PATH}/-/manifests/${sbom.digest}">bill of materials</a>`);
    const about = await page(`manifests/${sbom.digest}`);
    expect(about).toContain('An artifact of type application/spdx+json');
    expect(about).toContain(`href="${PATH}/-/manifests/${image.digest}"`);
    expect(about).not.toContain('docker pull');
  });

  it('of a tag shows what it pointed to before, linked while that is here', async () => {
    const [old, now] = [buildImage({ seed: 'old' }), buildImage({ seed: 'now' })];
    await store(old, ['12']);
    expect(await page('tags/12')).toContain('It has not moved since it came.');
    await store(now, ['12']);
    expect(await page('tags/12')).toContain(`href="${PATH}/-/manifests/${old.digest}"`);
    scene.store.repositories.unlink(NAME, old.digest);
    const text = await page('tags/12');
    expect(text).not.toContain(`href="${PATH}/-/manifests/${old.digest}"`);
    expect(text).toContain('not here any more');
  });

  it('helps where a tag is not here', async () => {
    await store(buildImage({ seed: 'd' }), ['bookworm-slim']);
    const answer = await request(scene.http).get(`${PATH}/-/tags/bookworm`).set('Accept', 'text/html');
    expect(answer.status).toBe(404);
    expect(answer.text).toContain('has no tag &#34;bookworm&#34;');
    expect(answer.text).toContain('What is mirrored: all tags');
    expect(answer.text).toContain(`href="${PATH}/-/tags/bookworm-slim"`);
    for (const path of ['/-/tags/..', '/-/manifests/sha256:0', '/-/nonsense', '/-/tags/a/b'])
      expect((await request(scene.http).get(`${PATH}${path}`).set('Accept', 'text/html')).status).toBe(404);
  });
});
