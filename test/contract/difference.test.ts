import { describe, expect, it } from 'vitest';
import { expectDifference, expectEither } from './difference.js';

const passing = (): Promise<void> => Promise.resolve();
const failing = (): Promise<void> => Promise.resolve().then(() => expect(1).toBe(2));
const broken = (): Promise<void> => Promise.reject(new TypeError('the case is wrong'));

describe('expectDifference', () => {
  it('wants a failed expectation, and nothing else', async () => {
    await expectDifference(failing());
    await expect(expectDifference(passing())).rejects.toThrow('no longer differs');
    await expect(expectDifference(broken())).rejects.toThrow('the case is wrong');
  });
});

describe('expectEither', () => {
  it('takes both, but no mistake', async () => {
    await expectEither(failing());
    await expectEither(passing());
    await expect(expectEither(broken())).rejects.toThrow('the case is wrong');
  });
});
