import { expect, test } from 'vitest';
import { compareVersions } from '../../core/version-order.js';

test('orders versions from old to new as people would', () => {
  const ordered = [
    ...['bookworm', 'trixie', '9.13', '12', '12.11', '13.0-alpha1', '13.0-beta2', '13.0-rc1', '13.0-rc2', '13.0'],
    ...['13.0.1', '13.1', '13.10', '24.04', '24.04.1', '24.10', '2025.12.01', '2026.08.01', '20260801', 'Current'],
  ];
  expect(ordered.toReversed().sort(compareVersions)).toEqual(ordered);
});

test('takes versions for equal that differ in their separators only', () => {
  expect(compareVersions('1.2-3', '1.2.3')).toBe(0);
  expect(compareVersions('', '')).toBe(0);
});

test('takes a letter after a version for newer than the version itself, and a word for early for older', () => {
  expect(compareVersions('2026.2p', '2026.2')).toBeGreaterThan(0);
  expect(compareVersions('2026.2rc', '2026.2')).toBeLessThan(0);
  expect(compareVersions('2026.2constructor', '2026.2')).toBeGreaterThan(0);
});
