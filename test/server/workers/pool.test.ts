import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WorkerEvents, WorkerProcess } from '../../../platform/worker-process.js';
import type { Order, ToWorker } from '../../../server/workers/messages.js';
import { WorkerPool } from '../../../server/workers/pool.js';

/** A process that does what it is told, or not. */
interface Fake extends WorkerProcess {
  readonly heard: ToWorker[];
  readonly events: WorkerEvents;
  isSilent: boolean;
  /** It takes no connection from the channel any more. */
  isStuck: boolean;
  up(): void;
  die(): void;
}

const TREES: Order = { kind: 'trees', mirror: 'pond', trees: null };
const CONFIGURE: Order = {
  kind: 'configure',
  configuration: { places: [{ key: 'http' }] } as never,
};

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => void vi.useRealTimers());

function makePool(): { pool: WorkerPool; started: Fake[]; logged: string[] } {
  const started: Fake[] = [];
  const logged: string[] = [];
  const say = (level: string) => (details: object, message: string) =>
    void logged.push(`${level}: ${message} ${JSON.stringify(details)}`);
  const pool = new WorkerPool({
    start: (events) => startFake(started, events),
    orders: () => [CONFIGURE, TREES],
    heard: () => undefined,
    log: { info: say('info'), warn: say('warn'), error: say('error') } as never,
    clock: Date.now,
  });
  return { pool, started, logged };
}

function startFake(started: Fake[], events: WorkerEvents): Fake {
  const fake: Fake = {
    ...{ pid: 100 + started.length, heard: [], events, isSilent: false, isStuck: false },
    send(message, socket, sent) {
      const told = message as ToWorker;
      fake.heard.push(told);
      if (told.kind === 'order' && !fake.isSilent) queueMicrotask(() => events.message({ kind: 'done', id: told.id }));
      if (told.kind === 'leave') fake.die();
      if (socket && !fake.isStuck) sent?.();
    },
    kill: () => fake.die(),
    up: () => events.message({ kind: 'up' }),
    die: () => queueMicrotask(() => events.ended('SIGKILL')),
  };
  started.push(fake);
  return fake;
}

async function startPool(count: number) {
  const made = makePool();
  const starting = made.pool.start(count);
  for (const fake of made.started) fake.up();
  await starting;
  return made;
}

function connectionsOf({ heard }: Fake): number {
  return heard.filter(({ kind }) => kind === 'connection').length;
}

describe('WorkerPool', () => {
  it('gives connections in turn, and those of one client to the same worker', async () => {
    const { pool, started } = await startPool(3);
    for (let count = 0; count < 6; count++) pool.handOver(new Socket(), 'http');
    expect(started.map(connectionsOf)).toEqual([2, 2, 2]);
    for (let count = 0; count < 6; count++) pool.handOver(new Socket(), 'http', '192.0.2.7');
    expect(started.map(connectionsOf).sort()).toEqual([2, 2, 8]);
  });

  it('keeps connections of a place that no worker knows yet, and of the time in which there is none', async () => {
    const { pool, started } = await startPool(1);
    const socket = new Socket();
    pool.handOver(socket, 'https');
    expect(started.map(connectionsOf)).toEqual([0]);
    const places = [{ key: 'http' }, { key: 'https' }];
    await pool.ask({ kind: 'configure', configuration: { places } as never });
    expect(started.map(connectionsOf)).toEqual([1]);
    expect(socket.destroyed).toBe(false);
  });

  it('gives connections that a dead worker has not got to another one', async () => {
    const { pool, started } = await startPool(2);
    const [first, second] = started;
    if (!first || !second) throw new Error('two were started');
    first.isStuck = true;
    for (let count = 0; count < 4; count++) pool.handOver(new Socket(), 'http');
    first.die();
    await vi.advanceTimersByTimeAsync(0);
    expect(connectionsOf(second)).toBe(4);
  });

  it('replaces a worker that does not answer in five seconds, and waits no longer', async () => {
    const { pool, started, logged } = await startPool(2);
    const [first] = started;
    if (!first) throw new Error('two were started');
    first.isSilent = true;
    let isDone = false;
    const asking = pool.ask(TREES).then(() => (isDone = true));
    await vi.advanceTimersByTimeAsync(4_999);
    expect(isDone).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await asking;
    expect(logged.join('\n')).toMatch(/error: a worker did not do in time .*"worker":100/);
    await vi.advanceTimersByTimeAsync(1);
    expect(started).toHaveLength(3);
    started[2]?.up();
    await vi.advanceTimersByTimeAsync(0);
    expect(pool.view).toEqual({ serving: 2, leaving: 0, deaths: 1 });
  });

  it('waits longer and longer where workers die soon after their start, 30 seconds at most, and says so', async () => {
    const { pool, started, logged } = await startPool(1);
    const waits: number[] = [];
    for (let death = 0; death < 12; death++) {
      const before = started.length;
      started.at(-1)?.die();
      await vi.advanceTimersByTimeAsync(0);
      const since = Date.now();
      while (started.length === before) await vi.advanceTimersToNextTimerAsync();
      waits.push(Date.now() - since);
    }
    expect(waits.slice(0, 5)).toEqual([0, 200, 400, 800, 1_600]);
    expect(waits.slice(-2)).toEqual([30_000, 30_000]);
    expect(logged.filter((line) => line.startsWith('error: a worker has died'))).toHaveLength(10);

    started.at(-1)?.up();
    await vi.advanceTimersByTimeAsync(60_000);
    started.at(-1)?.die();
    await vi.advanceTimersByTimeAsync(0);
    expect(started).toHaveLength(14);
    expect(pool.view.deaths).toBe(13);
  });

  it('ends no worker for one that does not come up, when they are restarted', async () => {
    const { pool, started } = await startPool(2);
    const restarting = pool.restart();
    started[2]?.die();
    await expect(restarting).rejects.toThrow('a new worker has ended before it could serve');
    expect(pool.status.filter(({ state }) => state === 'serving').map(({ pid }) => pid)).toEqual([100, 101]);
    const again = pool.restart();
    await expect(pool.restart()).rejects.toThrow('being restarted already');
    for (const index of [3, 4]) {
      await vi.waitFor(() => expect(started.length).toBeGreaterThan(index));
      started[index]?.up();
    }
    expect(await again).toBe(2);
    await vi.advanceTimersByTimeAsync(0);
    expect(pool.status.map(({ pid }) => pid)).toEqual([103, 104]);
  });
});
