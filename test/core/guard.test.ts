import { describe, expect, test } from 'vitest';
import { heldBecause } from '../../core/guard.js';

describe('heldBecause', () => {
  test('holds a tree that lost more than the allowed share, and says how much', () => {
    expect(heldBecause({ publishedFiles: 1000, deletedFiles: 101, maxDelete: 0.1 })).toBe(
      'Upstream removed 101 of 1000 files (10.1 %), more than the 10 % that are allowed without a person.',
    );
  });

  test('lets the allowed share itself pass', () => {
    expect(heldBecause({ publishedFiles: 1000, deletedFiles: 100, maxDelete: 0.1 })).toBeNull();
  });

  test('never holds a few deletions, however small the tree is', () => {
    expect(heldBecause({ publishedFiles: 19, deletedFiles: 19, maxDelete: 0 })).toBeNull();
    expect(heldBecause({ publishedFiles: 20, deletedFiles: 20, maxDelete: 0 })).not.toBeNull();
  });

  test('never holds the first tree, nor one of unknown size', () => {
    expect(heldBecause({ publishedFiles: 0, deletedFiles: 5000, maxDelete: 0 })).toBeNull();
  });

  test('holds nothing where all may go', () => {
    expect(heldBecause({ publishedFiles: 100, deletedFiles: 100, maxDelete: 1 })).toBeNull();
  });
});
