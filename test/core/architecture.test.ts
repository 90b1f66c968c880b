import { describe, expect, test } from 'vitest';
import { architectureName, clientArchitecture, isSameArchitecture } from '../../core/architecture.js';

describe('architectureName', () => {
  test('calls the same processor by the same name, whatever a project calls it', () => {
    expect(isSameArchitecture('amd64', 'x86_64')).toBe(true);
    expect(isSameArchitecture('arm64', 'AARCH64')).toBe(true);
    expect(isSameArchitecture('arm64', 'armhf')).toBe(false);
    expect(architectureName('m68k')).toBe('m68k');
  });
});

describe('clientArchitecture', () => {
  test.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'x86-64'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36', 'x86-64'],
    ['Mozilla/5.0 (X11; Linux aarch64) AppleWebKit/537.36', 'ARM, 64 bits'],
    ['Mozilla/5.0 (X11; CrOS armv7l 15917.71.0)', 'ARM, 32 bits'],
    ['Mozilla/5.0 (X11; Linux i686; rv:128.0)', 'x86, 32 bits'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15', null],
    ['curl/8.5.0', null],
    [undefined, null],
  ])('%s is %s', (agent, name) => {
    expect(clientArchitecture(agent)).toBe(name);
  });
});
