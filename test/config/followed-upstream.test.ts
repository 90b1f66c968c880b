import { describe, expect, test } from 'vitest';
import { followedUpstream } from '../../config/followed-upstream.js';
import { parseSettings } from '../../config/load.js';

const settings = parseSettings(
  `registries: { docker.io: { url: "https://registry-1.docker.io" }, quay.io: { url: "https://quay.io" } }
images: [{ from: docker.io/debian, as: base/debian, tags: "*", schedule: manual }]`,
  '/x/millpond.yaml',
);

describe('followedUpstream', () => {
  test.each([
    ['base/debian', 'docker.io', 'library/debian'],
    ['docker.io/library/debian', 'docker.io', 'library/debian'],
    ['quay.io/a/b', 'quay.io', 'a/b'],
  ])('of %s is %s with %s', (repository, registry, upstream) => {
    expect(followedUpstream(settings, repository)).toMatchObject({ registry: { name: registry }, upstream });
  });

  test.each(['lab/tool', 'debian', 'quay.io', 'base/other'])('is none of %s', (repository) => {
    expect(followedUpstream(settings, repository)).toBeNull();
  });
});
