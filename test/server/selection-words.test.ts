import { describe, expect, it } from 'vitest';
import type { TagSelection } from '../../core/oci/image-mirror.js';
import { selectionWords } from '../../server/selection-words.js';
import { makeImage, QUAY } from './image-scene.js';

const NONE: TagSelection = {
  include: [],
  exclude: [],
  semver: null,
  latest: null,
  latestOf: 'all',
  pulledWithin: null,
};

describe('selectionWords', () => {
  it.each<[string, Partial<TagSelection>]>([
    ['all tags', { include: ['*'] }],
    ['tags like 3.20', { include: ['3.20'] }],
    ['tags like a, b and c*, but never x or y', { include: ['a', 'b', 'c*'], exclude: ['x', 'y'] }],
    ['all versions within “>=11”', { semver: '>=11' }],
    ['the newest 5 of versions', { latest: 5 }],
    ['the newest of each minor version, of versions within “^3”', { semver: '^3', latest: 1, latestOf: 'minor' }],
    ['what was pulled here within 30 d', { pulledWithin: 30 * 86_400 }],
    ['no tag at all', {}],
  ])('says %s', (words, selection) => {
    expect(selectionWords(makeImage(QUAY, 'a/b', { tags: { ...NONE, ...selection } }))).toBe(words);
  });
});
