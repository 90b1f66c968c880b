import { expect } from 'vitest';
import { OCI_INDEX } from '../../../core/oci/media-types.js';
import {
  buildArtifact,
  buildImage,
  buildIndex,
  contentOf,
  descriptorOf,
  jsonContent,
  referrersTag,
  type Image,
} from '../../fixtures/image-builder.js';
import { contractCase, type Scene } from './case.js';
import { expectError, expectHeadError, expectStatus, jsonOf, type Answer } from './client.js';
import { followPages } from './paging.js';

const ABSENT = contentOf('', 'this was never pushed').digest;
const SBOM = 'application/vnd.example.sbom';
const SIGNATURE = 'application/vnd.example.signature';

/** Row 12. */
export const referrerCases = [
  contractCase('row-12-unknown', 'a digest that is not here has an empty index', async (scene) => {
    await scene.client.pushImage(scene.repository(), buildImage({ seed: 'row-12' }), '1');
    expect(await referrersOf(scene, ABSENT)).toEqual([]);
  }),

  contractCase(
    'row-12-name-unknown',
    'a digest in a repository that is not here has an empty index',
    async ({ client, repository }) => {
      const answer = await client.get(`/v2/${repository('none')}/referrers/${ABSENT}`);
      expectStatus(answer, 200);
      expect(manifestsIn(answer)).toEqual([]);
    },
  ),

  contractCase('row-12-list', 'a referrer is described with its type and annotations', async (scene) => {
    const subject = await pushedSubject(scene);
    const annotations = { 'org.example.key': 'a value' };
    const sbom = buildArtifact({ seed: 'sbom', artifactType: SBOM, subject: descriptorOf(subject), annotations });
    const bare = buildArtifact({ seed: 'bare', artifactType: SIGNATURE, subject: descriptorOf(subject) });
    for (const artifact of [sbom, bare]) await scene.client.pushImage(scene.repository(), artifact);
    const found = await referrersOf(scene, subject.digest);
    expect(found).toHaveLength(2);
    expect(found).toContainEqual({ ...descriptorOf(sbom), artifactType: SBOM, annotations });
    expect(found.find(({ digest }) => digest === bare.digest)).toMatchObject({ artifactType: SIGNATURE });
  }),

  contractCase('row-12-config-type', 'an image without artifactType has that of its configuration', async (scene) => {
    const subject = await pushedSubject(scene);
    const artifact = buildArtifact({ seed: 'typed', configType: SIGNATURE, subject: descriptorOf(subject) });
    await scene.client.pushImage(scene.repository(), artifact);
    expect(await referrersOf(scene, subject.digest)).toEqual([{ ...descriptorOf(artifact), artifactType: SIGNATURE }]);
  }),

  contractCase('row-12-index', 'an index has its own artifactType, or none', async (scene) => {
    const subject = await pushedSubject(scene);
    const bare = buildIndex([], { subject: descriptorOf(subject) });
    const typed = buildIndex([], { subject: descriptorOf(subject), artifactType: SBOM });
    for (const index of [bare, typed]) await scene.client.pushImage(scene.repository(), index);
    const found = await referrersOf(scene, subject.digest);
    expect(found).toContainEqual(descriptorOf(bare));
    expect(found).toContainEqual({ ...descriptorOf(typed), artifactType: SBOM });
  }),

  contractCase('row-12-absent', 'the subject need not be here', async (scene) => {
    const artifact = buildArtifact({
      seed: 'early',
      artifactType: SBOM,
      subject: descriptorOf(buildImage({ seed: 'late' })),
    });
    await scene.client.pushImage(scene.repository(), artifact);
    const digests = (await referrersOf(scene, buildImage({ seed: 'late' }).digest)).map(({ digest }) => digest);
    expect(digests).toEqual([artifact.digest]);
  }),

  contractCase('row-12-other', 'another repository has its own referrers', async (scene) => {
    const subject = await pushedSubject(scene);
    const artifact = buildArtifact({ seed: 'other', artifactType: SBOM, subject: descriptorOf(subject) });
    await scene.client.pushImage(scene.repository('b'), artifact);
    expect(await referrersOf(scene, subject.digest)).toEqual([]);
  }),

  contractCase('row-12-filter', 'artifactType leaves those of that type, and the answer says so', async (scene) => {
    const subject = await pushedSubject(scene);
    const sbom = buildArtifact({ seed: 'sbom', artifactType: SBOM, subject: descriptorOf(subject) });
    const signature = buildArtifact({ seed: 'sig', artifactType: SIGNATURE, subject: descriptorOf(subject) });
    for (const artifact of [sbom, signature]) await scene.client.pushImage(scene.repository(), artifact);
    for (const [type, digests] of [
      [SBOM, [sbom.digest]],
      ['text/nothing', []],
    ] as const) {
      const answer = await ask(scene, `${subject.digest}?artifactType=${encodeURIComponent(type)}`);
      expect(manifestsIn(answer).map(({ digest }) => digest)).toEqual(digests);
      expect(answer.headers['oci-filters-applied']).toBe('artifactType');
    }
    expect((await ask(scene, subject.digest)).headers['oci-filters-applied']).toBeUndefined();
  }),

  contractCase('row-12-deleted', 'a referrer that is deleted is gone', async (scene) => {
    const subject = await pushedSubject(scene);
    const artifact = buildArtifact({ seed: 'deleted', artifactType: SBOM, subject: descriptorOf(subject) });
    await scene.client.pushImage(scene.repository(), artifact);
    expect(await referrersOf(scene, subject.digest)).toHaveLength(1);
    expectStatus(await scene.client.send('DELETE', `/v2/${scene.repository()}/manifests/${artifact.digest}`), 202);
    expect(await referrersOf(scene, subject.digest)).toEqual([]);
  }),

  contractCase('row-12-once', 'a referrer that was pushed twice is there once', async (scene) => {
    const subject = await pushedSubject(scene);
    const artifact = buildArtifact({ seed: 'once', artifactType: SBOM, subject: descriptorOf(subject) });
    await scene.client.pushImage(scene.repository(), artifact, 'a', 'b');
    expect(await referrersOf(scene, subject.digest)).toHaveLength(1);
  }),

  contractCase('row-12-tag-schema', 'what older clients left in the tag schema is offered too', async (scene) => {
    const subject = await pushedSubject(scene);
    const artifact = buildArtifact({ seed: 'old', artifactType: SBOM });
    await scene.client.pushImage(scene.repository(), artifact);
    const manifests = [{ ...descriptorOf(artifact), artifactType: SBOM }];
    const index = jsonContent(OCI_INDEX, undefined, { schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    expectStatus(await scene.client.putManifest(scene.repository(), index, referrersTag(subject.digest)), 201);
    expect(await referrersOf(scene, subject.digest)).toEqual(manifests);
    expectStatus(await scene.client.head(`/v2/${scene.repository()}/manifests/${referrersTag(subject.digest)}`), 200);
  }),

  contractCase('row-12-sha512', 'a subject may have a digest of sha512', async (scene) => {
    const subject = buildImage({ seed: 'row-12-sha512', algorithm: 'sha512' });
    await scene.client.pushImage(scene.repository(), subject);
    const artifact = buildArtifact({ seed: '512', artifactType: SBOM, subject: descriptorOf(subject) });
    await scene.client.pushImage(scene.repository(), artifact);
    expect((await referrersOf(scene, subject.digest)).map(({ digest }) => digest)).toEqual([artifact.digest]);
  }),

  contractCase('row-12-many', 'a list may have pages, and is whole', async (scene) => {
    const subject = await pushedSubject(scene);
    const annotations = { padding: 'x'.repeat(20_000) };
    const options = { configType: SBOM, subject: descriptorOf(subject), annotations };
    const artifacts = Array.from({ length: 30 }, (_, index) =>
      buildArtifact({ ...options, seed: 'many', artifactType: `${SBOM}.${index}` }),
    );
    for (const blob of artifacts[0]?.blobs ?? []) await scene.client.pushBlob(scene.repository(), blob);
    for (const artifact of artifacts) expectStatus(await scene.client.putManifest(scene.repository(), artifact), 201);
    const path = `/v2/${scene.repository()}/referrers/${subject.digest}`;
    const found = (await followPages(scene.client, path, 'manifests')).flat() as { digest: string }[];
    expect(found.map(({ digest }) => digest).sort()).toEqual(artifacts.map(({ digest }) => digest).sort());
  }),

  contractCase('row-12-bad-digest', 'what is no digest is refused', async (scene) => {
    for (const digest of ['sha256:abc', 'latest', `md5:${'0'.repeat(32)}`])
      expectError(await ask(scene, digest), 400, 'DIGEST_INVALID');
    expectHeadError(await scene.client.head(`/v2/${scene.repository()}/referrers/latest`), 400);
  }),
];

async function pushedSubject({ client, repository }: Scene): Promise<Image> {
  const image = buildImage({ seed: `subject of ${repository()}` });
  await client.pushImage(repository(), image, '1');
  return image;
}

function ask({ client, repository }: Scene, rest: string): Promise<Answer> {
  return client.get(`/v2/${repository()}/referrers/${rest}`);
}

async function referrersOf(scene: Scene, digest: string) {
  return manifestsIn(await ask(scene, digest));
}

function manifestsIn(answer: Answer): { digest: string }[] {
  expectStatus(answer, 200);
  expect(answer.headers['content-type']).toBe(OCI_INDEX);
  const json = jsonOf(answer) as { schemaVersion: number; mediaType: string; manifests: { digest: string }[] };
  expect(json).toMatchObject({ schemaVersion: 2, mediaType: OCI_INDEX });
  return json.manifests;
}
