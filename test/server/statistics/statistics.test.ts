import { describe, expect, it } from 'vitest';
import type { Transfer, TrafficIncrements } from '../../../core/traffic.js';
import { Statistics } from '../../../server/statistics/statistics.js';

const HOUR = 3_600_000;
const AT = Date.UTC(2026, 10, 23, 14, 20);
const TRANSFER: Transfer = {
  ...{ mirror: 'debian', zone: 'campus', family: 'v6', protocol: 'rsync', status: 200, bytes: 1000 },
  ...{ path: ['pool', 'hello world.deb'], agent: 'rsync/3.2.7', at: AT },
};

function hoursOf({ hours }: TrafficIncrements): unknown[] {
  return hours.map(({ hour, part, zone, status, requests, bytes }) => [
    (hour - Date.UTC(2026, 10, 23)) / HOUR,
    part,
    zone,
    status,
    requests,
    bytes,
  ]);
}

describe('Statistics', () => {
  it('gives what was counted since it was asked last, by hour and kind', () => {
    const statistics = new Statistics();
    for (const more of [{}, { bytes: 500 }, { at: AT + HOUR }, { status: 404, path: null }])
      statistics.recordTransfer({ ...TRANSFER, ...more });
    expect(hoursOf(statistics.drain())).toEqual([
      [14, 'debian', 'campus', 2, 2, 1500],
      [14, 'debian', 'campus', 4, 1, 1000],
      [15, 'debian', 'campus', 2, 1, 1000],
    ]);
    expect(statistics.drain()).toEqual({ hours: [], tops: [] });
  });

  it('finds the files and programs of the day', () => {
    const statistics = new Statistics();
    statistics.recordTransfer(TRANSFER);
    statistics.recordTransfer({ ...TRANSFER, path: ['ls-lR.gz'], bytes: 9000, agent: 'rsync/3.4.1 (someone)' });
    statistics.recordTransfer({ ...TRANSFER, path: null, agent: 'rsync/3.4.1' });
    const day = Date.UTC(2026, 10, 23);
    expect(statistics.drain().tops).toEqual([
      {
        day,
        kind: 'files',
        missing: 0,
        unlisted: 0,
        entries: [
          ['/debian/ls-lR.gz', 1],
          ['/debian/pool/hello%20world.deb', 1],
        ],
      },
      {
        day,
        kind: 'file-bytes',
        missing: 0,
        unlisted: 0,
        entries: [
          ['/debian/ls-lR.gz', 9000],
          ['/debian/pool/hello%20world.deb', 1000],
        ],
      },
      {
        day,
        kind: 'agents',
        missing: 0,
        unlisted: 0,
        entries: [
          ['rsync/3.4.1', 2],
          ['rsync/3.2.7', 1],
        ],
      },
    ]);
  });

  it('takes what another process has drained, also as text', () => {
    const [worker, primary] = [new Statistics(), new Statistics()];
    worker.recordTransfer(TRANSFER);
    primary.recordTransfer(TRANSFER);
    primary.absorb(JSON.parse(JSON.stringify(worker.drain())) as TrafficIncrements);
    expect(primary.totals()).toMatchObject([{ part: 'debian', requests: 2, bytes: 2000 }]);
    const { hours, tops } = primary.drain();
    expect(hours).toMatchObject([{ requests: 2, bytes: 2000 }]);
    expect(tops[0]?.entries).toEqual([['/debian/pool/hello%20world.deb', 2]]);
    expect(worker.drain()).toEqual({ hours: [], tops: [] });
  });

  it('keeps totals when it is drained, and gives out again what was put back', () => {
    const statistics = new Statistics();
    statistics.recordTransfer(TRANSFER);
    const { hours } = statistics.drain();
    statistics.putBack(hours);
    statistics.recordTransfer(TRANSFER);
    expect(hoursOf(statistics.drain())).toEqual([[14, 'debian', 'campus', 2, 2, 2000]]);
    expect(statistics.totals()).toMatchObject([{ requests: 2, bytes: 2000 }]);
  });

  it('counts a log of many days, whatever its order', () => {
    const statistics = new Statistics();
    for (let n = 0; n < 500; n++) statistics.recordTransfer({ ...TRANSFER, at: AT - ((n * 7) % 250) * HOUR });
    const { hours } = statistics.drain();
    expect(hours).toHaveLength(250);
    expect(hours.every(({ requests }) => requests === 2)).toBe(true);
  });
});
