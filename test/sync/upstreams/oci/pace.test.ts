import { afterEach, describe, expect, it, vi } from 'vitest';
import { BandwidthPool } from '../../../../sync/bandwidth.js';
import { makePace } from '../../../../sync/upstreams/oci/pace.js';

afterEach(() => {
  vi.useRealTimers();
});

describe('makePace', () => {
  it('keeps all streams together to the rate, and follows it when it changes', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const rates = { now: 1_000_000_000 as number | null };
    const waits: number[] = [];
    const pace = makePace(
      () => rates.now,
      Date.now,
      (milliseconds) => {
        waits.push(milliseconds);
        vi.setSystemTime(Date.now() + milliseconds);
        return Promise.resolve();
      },
    );
    const { signal } = new AbortController();
    await pace(1000, signal);
    expect(waits).toEqual([]);
    rates.now = 1000;
    await pace(500, signal);
    await pace(500, signal);
    expect(waits.map(Math.round)).toEqual([500, 500]);
    rates.now = null;
    await pace(1_000_000, signal);
    expect(waits).toHaveLength(2);
  });
});

describe('BandwidthPool.joinStreams', () => {
  it('gives each pull an equal part, at any moment', () => {
    const pool = new BandwidthPool(900, 4);
    const first = pool.joinStreams();
    expect(first.rate()).toBe(900);
    const second = pool.joinStreams();
    expect([first.rate(), second.rate()]).toEqual([450, 450]);
    second.leave();
    second.leave();
    expect(first.rate()).toBe(900);
    pool.configure(null, 4);
    expect(first.rate()).toBeNull();
    pool.close();
  });
});
