import fc from 'fast-check';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DAY_MS, KEPT_MS, spanStart, SPANS, type Span, type Transfer } from '../../../core/traffic.js';
import { StatisticsKeeper } from '../../../server/statistics/keeper.js';
import { Statistics } from '../../../server/statistics/statistics.js';
import { openStore, type Store } from '../../../store/open.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const NOW = Date.UTC(2026, 10, 23, 14);
const TRANSFER: Transfer = {
  ...{ mirror: 'debian', zone: 'public', family: 'v4', protocol: 'http', status: 200, bytes: 10 },
  ...{ path: ['a'], agent: 'curl/8.1', at: NOW },
};

async function openKeeper(file?: string) {
  const store = openStore(file ?? join(await tempFolder(), 'state.db'));
  const statistics = new Statistics();
  const state = { now: NOW };
  const log = { error: vi.fn(), info: vi.fn() };
  const keeper = new StatisticsKeeper({ statistics, store, clock: () => state.now, log });
  return { store, statistics, keeper, log, state };
}

function sumOf(store: Store, span: Span, from = 0, to = Number.MAX_SAFE_INTEGER): { requests: number; bytes: number } {
  const rows = store.traffic.sums('part', { span, from, to, part: null });
  const add = (pick: 'requests' | 'bytes'): number => rows.reduce((sum, row) => sum + row[pick], 0);
  return { requests: add('requests'), bytes: add('bytes') };
}

describe('StatisticsKeeper', () => {
  afterEach(() => void vi.useRealTimers());

  it('writes every 10 seconds, so that no more is lost in a crash', async () => {
    vi.useFakeTimers();
    const file = join(await tempFolder(), 'state.db');
    const { statistics, keeper, store } = await openKeeper(file);
    keeper.start();
    statistics.recordTransfer(TRANSFER);
    await vi.advanceTimersByTimeAsync(10_000);
    statistics.recordTransfer(TRANSFER); // nobody stops the keeper: this one is lost
    const other = openStore(file);
    expect(sumOf(other, 'hour')).toEqual({ requests: 1, bytes: 10 });
    other.close();
    keeper.stop();
    expect(sumOf(store, 'hour')).toEqual({ requests: 2, bytes: 20 });
    store.close();
  });

  const transfers = fc.array(
    fc.record({
      mirror: fc.constantFrom('debian', 'fedora'),
      zone: fc.constantFrom('campus', 'public'),
      bytes: fc.integer({ min: 0, max: 5_000_000_000_000 }),
      at: fc.integer({ min: NOW - 9 * DAY_MS, max: NOW }),
      writes: fc.boolean(),
    }),
    { maxLength: 60 },
  );
  it('sums every hour, day and month as a model does', async () => {
    const { store, statistics, keeper } = await openKeeper();
    const model = new Map<string, number>();
    fc.assert(
      fc.property(transfers, (all) => {
        for (const { writes, ...more } of all) {
          statistics.recordTransfer({ ...TRANSFER, ...more });
          for (const span of SPANS) {
            const key = `${span} ${spanStart(span, more.at)} ${more.mirror} ${more.zone}`;
            model.set(key, (model.get(key) ?? 0) + more.bytes);
          }
          if (writes) keeper.write();
        }
        keeper.write();
        const found = SPANS.flatMap((span) =>
          ['debian', 'fedora'].flatMap((part) =>
            store.traffic
              .points('zone', { span, from: 0, to: NOW + 1, part })
              .map(({ start, value, bytes }) => [`${span} ${start} ${part} ${value}`, bytes] as const),
          ),
        );
        expect(new Map(found)).toEqual(model);
      }),
      { numRuns: 30 },
    );
    store.close();
  });

  it('forgets hours and days with age, and months never', async () => {
    const { store, statistics, keeper, state } = await openKeeper();
    statistics.recordTransfer({ ...TRANSFER, at: NOW });
    keeper.write();
    state.now = NOW + KEPT_MS.hour + DAY_MS;
    keeper.write();
    expect([sumOf(store, 'hour').requests, sumOf(store, 'day').requests]).toEqual([0, 1]);
    expect(store.traffic.top(spanStart('day', NOW), 'files').entries).toEqual([]);
    state.now = NOW + KEPT_MS.day + DAY_MS;
    keeper.write();
    expect([sumOf(store, 'day').requests, sumOf(store, 'month').requests]).toEqual([0, 1]);
    store.close();
  });

  it('goes on with the lists of the day after a restart', async () => {
    const file = join(await tempFolder(), 'state.db');
    for (let start = 0; start < 3; start++) {
      const { store, statistics, keeper } = await openKeeper(file);
      statistics.recordTransfer(TRANSFER);
      keeper.write();
      statistics.recordTransfer(TRANSFER);
      keeper.stop();
      store.close();
    }
    const store = openStore(file);
    expect(store.traffic.top(spanStart('day', NOW), 'files')).toMatchObject({
      entries: [['/debian/a', 6]],
      missing: 0,
    });
    expect(store.traffic.top(spanStart('day', NOW), 'file-bytes').entries).toEqual([['/debian/a', 60]]);
    expect(store.traffic.top(spanStart('day', NOW), 'agents').entries).toEqual([['curl/8.1', 6]]);
    store.close();
  });

  it('keeps what cannot be written, says so once, and writes it later', async () => {
    const { store, statistics, keeper, log } = await openKeeper();
    const add = vi.spyOn(store.traffic, 'add').mockImplementation(() => {
      throw new Error('disk full');
    });
    for (let n = 0; n < 3; n++) {
      statistics.recordTransfer(TRANSFER);
      keeper.write();
    }
    expect(log.error).toHaveBeenCalledTimes(1);
    add.mockRestore();
    keeper.write();
    expect(log.info).toHaveBeenCalledTimes(1);
    expect(sumOf(store, 'day')).toEqual({ requests: 3, bytes: 30 });
    expect(store.traffic.top(spanStart('day', NOW), 'files').entries).toEqual([['/debian/a', 3]]);
    store.close();
  });
});
