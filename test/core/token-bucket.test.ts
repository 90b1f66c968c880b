import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leastPiece, TokenBucket } from '../../core/token-bucket.js';

describe('TokenBucket', () => {
  const step = fc.record({
    pause: fc.integer({ min: 0, max: 2_000 }),
    wanted: fc.integer({ min: 0, max: 1_000_000 }),
    rate: fc.constantFrom(10_000, 1_000_000, 250_000_000),
  });

  it('never lets more pass than the rate and 0.15 s of the highest one, however it changes', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 200 }), (steps) => {
        const bucket = new TokenBucket();
        let now = 0;
        let grown = 0;
        let passed = 0;
        for (const { pause, wanted, rate } of steps) {
          now += pause;
          grown += (rate * pause) / 1000;
          const bytes = Math.min(wanted, bucket.available(rate, now));
          expect(bytes).toBeGreaterThanOrEqual(0);
          bucket.take(bytes);
          passed += bytes;
        }
        const highest = Math.max(...steps.map(({ rate }) => rate));
        expect(passed).toBeLessThanOrEqual(grown + highest * 0.15);
      }),
    );
  });

  it('lets all that has grown pass to one who takes it at least each 0.15 s', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 200 }), (pauses) => {
        const bucket = new TokenBucket();
        bucket.take(bucket.available(1_000_000, 0));
        let now = 0;
        let passed = 0;
        for (const pause of pauses) {
          const bytes = bucket.available(1_000_000, (now += pause));
          bucket.take(bytes);
          passed += bytes;
        }
        expect(Math.abs(passed - now * 1000)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('lets everything pass without a rate, and holds to one that comes later', () => {
    const bucket = new TokenBucket();
    expect(bucket.available(null, 5)).toBe(Infinity);
    bucket.take(1e15);
    expect(bucket.available(1_000_000, 6)).toBe(150_000);
    bucket.take(150_000);
    expect(bucket.available(1_000_000, 6)).toBe(0);
    bucket.giveBack(1000);
    expect(bucket.available(1_000_000, 6)).toBe(1000);
    expect(bucket.available(1_000_000, 3)).toBe(1000); // a clock that goes back brings nothing
  });
});

describe('leastPiece', () => {
  it.each([
    [null, 16_384],
    [250_000_000, 16_384],
    [10_000, 500],
    [1, 1],
  ])('at %s bytes a second is %i', (rate, piece) => expect(leastPiece(rate)).toBe(piece));
});
