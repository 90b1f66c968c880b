import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { placeManifest } from '../../../content/place-manifest.js';
import { MOST_ANNOTATION_CHARACTERS, parseManifest } from '../../../core/oci/manifest.js';
import { manifestView } from '../../../server/image-manifest.js';
import { buildArtifact, buildImage, descriptorOf, type Image } from '../../fixtures/image-builder.js';
import { openRegistry, type RegistryScene } from './registry-scene.js';

const REPOSITORY = 'lab/app';
const image = buildImage({ seed: 'subject' });

interface Listed {
  readonly manifests: { digest: string; annotations?: Record<string, string> }[];
}

function referrer(seed: string, characters: number): Image {
  return buildArtifact({ seed, subject: descriptorOf(image), annotations: { text: 'x'.repeat(characters) } });
}

describe('listReferrers', () => {
  let scene: RegistryScene;
  beforeEach(async () => {
    scene = await openRegistry();
  });
  afterEach(() => scene.close());

  async function place(...all: Image[]): Promise<void> {
    const { store, blobs } = scene;
    const how = { repository: REPOSITORY, origin: 'cached', tags: [], checkedAt: null } as const;
    for (const { bytes, digest, mediaType } of all)
      await placeManifest(
        { store, blobs, clock: () => Date.now() },
        { ...how, digest, bytes, manifest: parseManifest(bytes, mediaType), keepHistory: 0, needs: 'none' },
      );
  }

  it('reads no more annotations than a page holds, and gives all in pages', async () => {
    const all = Array.from({ length: 100 }, (_, number) => referrer(`r${number}`, 60_000));
    await place(image, ...all);
    const annotations = vi.spyOn(scene.store.manifests, 'annotations');
    const pages: Listed[] = [];
    let path: string | undefined = `/v2/${REPOSITORY}/referrers/${image.digest}`;
    while (path !== undefined) {
      annotations.mockClear();
      const answer: Response = await fetch(`${scene.url}${path}`);
      const text = await answer.text();
      expect(text.length).toBeLessThan(4.1 * 1024 * 1024);
      pages.push(JSON.parse(text) as Listed);
      expect(annotations.mock.calls.length).toBeLessThanOrEqual((pages.at(-1)?.manifests.length ?? 0) + 1);
      path = /^<([^>]+)>/.exec(answer.headers.get('link') ?? '')?.[1];
    }
    expect(pages).toHaveLength(2);
    const listed = pages.flatMap(({ manifests }) => manifests);
    expect(listed.map(({ digest }) => digest)).toEqual(all.map(({ digest }) => digest).sort());
    expect(listed.every((each) => each.annotations?.['text']?.length === 60_000)).toBe(true);
  });

  it('lists without them what has more annotations than are recorded', async () => {
    const large = referrer('large', MOST_ANNOTATION_CHARACTERS + 1);
    await place(image, large);
    const answer = await fetch(`${scene.url}/v2/${REPOSITORY}/referrers/${image.digest}`);
    const { manifests } = (await answer.json()) as Listed;
    expect(manifests).toMatchObject([{ digest: large.digest }]);
    expect(manifests[0]).not.toHaveProperty('annotations');
  });

  it('reads none for a page', async () => {
    const about = referrer('about', 60_000);
    await place(image, about);
    const annotations = vi.spyOn(scene.store.manifests, 'annotations');
    const get = vi.spyOn(scene.store.manifests, 'get');
    const deps = { store: scene.store, images: { blobs: scene.blobs } };
    const view = await manifestView(deps, REPOSITORY, image.digest);
    expect(view?.referrers).toMatchObject([{ digest: about.digest }]);
    expect(annotations).not.toHaveBeenCalled();
    expect(get.mock.calls).toEqual([[image.digest]]);
  });
});
