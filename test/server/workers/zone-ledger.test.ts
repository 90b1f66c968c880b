import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Settings } from '../../../config/settings.js';
import { NO_LIMITS, type Zone } from '../../../core/zone.js';
import { ZoneBudget } from '../../../server/limits/zone-budget.js';
import { shareRate } from '../../../server/workers/share-rate.js';
import { OwnShares, USES_EVERY_MS, ZoneLedger } from '../../../server/workers/zone-ledger.js';

const MB = 1_000_000;
const RATE = 20 * MB;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'performance'] }));
afterEach(() => void vi.useRealTimers());

function zonesOf(limits: Partial<Zone['limits']>): Settings['zones'] {
  return new Map([['public', { name: 'public', networks: [], limits: { ...NO_LIMITS, ...limits } }]]);
}

/** Processes that serve the zone `public`, and share its rate as workers do. */
function startProcesses(count: number) {
  const zones = zonesOf({ rate: RATE });
  const ledger = new ZoneLedger<object>();
  const processes = Array.from({ length: count }, () => {
    const shares = new OwnShares(
      () => ({ zones }),
      () => count,
    );
    const budget = new ZoneBudget(() => ({ zone: shares.rateOf('public'), client: null }));
    return { shares, budget, bytes: 0, download: (readable?: number) => download(budget, readable) };
  });
  setInterval(() => {
    for (const process of processes) {
      const { budget } = process;
      const use = { zone: 'public', connections: 0, clients: budget.activeClients, ...budget.drainUse() };
      process.bytes += use.bytes;
      ledger.heard(process, [use], performance.now());
    }
    const all = ledger.shares(zones, processes);
    for (const [index, { shares }] of processes.entries()) shares.told(all[index] ?? []);
  }, USES_EVERY_MS);
  /** Bytes of each in the next five seconds. */
  async function fiveSeconds(): Promise<number[]> {
    for (const process of processes) process.bytes = 0;
    await vi.advanceTimersByTimeAsync(5_000);
    return processes.map(({ bytes }) => bytes);
  }
  return { processes, fiveSeconds };
}

/** A body without end, of which the client takes `readable` bytes a second at most. */
function download(budget: ZoneBudget, readable = Infinity): { stop(): void } {
  const response = Object.assign(new EventEmitter(), {
    ...{ destroyed: false, socket: {}, req: { socket: { destroyed: false } } },
  }) as unknown as ServerResponse & { destroyed: boolean };
  const client = budget.newClient();
  void (async () => {
    for (;;) {
      const bytes = await client.take(Math.min(64 * 1024, readable / 10), response);
      if (bytes === 0) return;
      await new Promise((resolve) => setTimeout(resolve, readable === Infinity ? 0 : (bytes / readable) * 1000));
    }
  })();
  return {
    stop() {
      response.destroyed = true;
      response.emit('close');
    },
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

function near(expected: number): { least: number; most: number } {
  return { least: expected * 0.95, most: expected * 1.05 };
}

function expectNear(bytes: number, expected: number): void {
  const { least, most } = near(expected);
  expect(bytes).toBeGreaterThanOrEqual(least);
  expect(bytes).toBeLessThanOrEqual(most);
}

describe('the rate of a zone', () => {
  it.each([2, 3, 9])('is that of %i processes together, and goes where clients are', async (count) => {
    const { processes, fiveSeconds } = startProcesses(count);
    processes[0]?.download();
    await vi.advanceTimersByTimeAsync(1_000);
    const alone = await fiveSeconds();
    expectNear(alone[0] ?? 0, 5 * RATE);

    for (let more = 0; more < 3; more++) processes[1]?.download();
    await vi.advanceTimersByTimeAsync(2_000);
    const shared = await fiveSeconds();
    expectNear(sum(shared), 5 * RATE);
    expectNear(shared[1] ?? 0, (3 / 4) * 5 * RATE);
  });

  it('is not more than 5 % above while all begin at once', async () => {
    const { processes, fiveSeconds } = startProcesses(9);
    processes[0]?.download();
    await vi.advanceTimersByTimeAsync(2_000);
    for (const { download: start } of processes) start();
    expect(sum(await fiveSeconds())).toBeLessThanOrEqual(near(5 * RATE).most);
  });

  it('is left to others by clients that are slow', async () => {
    const { processes, fiveSeconds } = startProcesses(2);
    processes[0]?.download(MB);
    processes[1]?.download();
    await vi.advanceTimersByTimeAsync(2_000);
    const [slow = 0, fast = 0] = await fiveSeconds();
    expectNear(slow, 5 * MB);
    expect(slow + fast).toBeLessThanOrEqual(near(5 * RATE).most);
    expect(fast).toBeGreaterThan(0.85 * 5 * RATE);
  });
});

describe('shareRate', () => {
  it('gives those that serve all of it, and idle ones little', () => {
    const waiting = { clients: 1, used: 50, waited: true };
    const idle = { clients: 0, used: 0, waited: false };
    expect(shareRate(100, [waiting, { ...waiting, clients: 3 }, idle])).toEqual([25, 75, 5]);
    expect(shareRate(100, [idle, idle])).toEqual([5, 5]);
    expect(shareRate(100, [{ clients: 1, used: 4, waited: false }, idle])).toEqual([100, 5]);
  });
});

describe('ZoneLedger', () => {
  it('tells each what the others serve', () => {
    const ledger = new ZoneLedger<object>();
    const [one, other, silent] = [{}, {}, {}];
    const use = { zone: 'public', clients: 1, bytes: 0, waited: false };
    ledger.heard(one, [{ ...use, connections: 3 }], 0);
    ledger.heard(other, [{ ...use, connections: 4 }], 0);
    const shares = ledger.shares(zonesOf({ connections: 10 }), [one, other, silent]);
    expect(shares.map(([share]) => share?.elsewhere.connections)).toEqual([4, 3, 7]);
    expect(shares.map(([share]) => share?.rate)).toEqual([null, null, null]);
  });
});
