import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readAtOnce } from '../../platform/native-sendfile.js';

const content = randomBytes(100_000);
let folder: string;
let file: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millpond-read-'));
  writeFileSync(join(folder, 'file'), content); // now it is in memory
  file = openSync(join(folder, 'file'), 'r');
});
afterEach(() => {
  vi.unstubAllEnvs();
  closeSync(file);
  rmSync(folder, { recursive: true });
});

test('readAtOnce gives just the bytes that are asked for, and leaves what is behind them', () => {
  const buffer = Buffer.alloc(60_000, 'x');
  expect(readAtOnce(file, 40_001, 50_000, buffer)).toBe(true);
  expect(buffer.subarray(0, 50_000).equals(content.subarray(40_001, 90_001))).toBe(true);
  expect(buffer.subarray(50_000).equals(Buffer.alloc(10_000, 'x'))).toBe(true);
});

test('readAtOnce says no where the file ends before, where it cannot be read, and without the addon', () => {
  const buffer = Buffer.alloc(60_000);
  expect(readAtOnce(file, 60_000, 50_000, buffer)).toBe(false);
  const written = openSync(join(folder, 'file'), 'a');
  expect(readAtOnce(written, 0, 10, buffer)).toBe(false);
  closeSync(written);
  expect(readAtOnce(written, 0, 10, buffer)).toBe(false);
  vi.stubEnv('MILLPOND_SENDFILE', 'off');
  expect(readAtOnce(file, 0, 10, buffer)).toBe(false);
});

test('readAtOnce refuses more than the buffer has room for', () => {
  expect(() => readAtOnce(file, 0, 50_000, Buffer.alloc(49_999))).toThrow(RangeError);
  expect(() => readAtOnce(file, -1, 10, Buffer.alloc(10))).toThrow(RangeError);
});
