import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ZoneBudget, type ClientBudget, type Rates } from '../../../server/limits/zone-budget.js';

const MB = 1_000_000;
const PIECE = 256 * 1024;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** As much of a response as a budget looks at. */
function makeResponse(): ServerResponse & { leave(): void } {
  const response = Object.assign(new EventEmitter(), {
    destroyed: false,
    socket: {},
    req: { socket: { destroyed: false } },
    leave() {
      response.destroyed = true;
      response.emit('close');
    },
  });
  return response as unknown as ServerResponse & { leave(): void };
}

/** A body without end, of which the client takes `readable` bytes a second at most. */
function startBody(client: ClientBudget, readable = Infinity): { bytes: number; stop(): void } {
  const response = makeResponse();
  const body = { bytes: 0, stop: () => response.leave() };
  void (async () => {
    for (;;) {
      const bytes = await client.take(Math.min(PIECE, readable / 10), response);
      if (bytes === 0) return;
      body.bytes += bytes;
      // as real ones do, a body lets the event loop turn between two pieces
      await new Promise((resolve) => setTimeout(resolve, readable === Infinity ? 0 : (bytes / readable) * 1000));
    }
  })();
  return body;
}

function budgetOf(rates: Partial<Rates>): ZoneBudget {
  return new ZoneBudget(() => ({ zone: null, client: null, ...rates }));
}

function expectWithin(bytes: number, expected: number, share = 0.05): void {
  expect(bytes / expected).toBeGreaterThanOrEqual(1 - share);
  expect(bytes / expected).toBeLessThanOrEqual(1 + share);
}

function sum(bodies: readonly { bytes: number }[]): number {
  return bodies.reduce((total, { bytes }) => total + bytes, 0);
}

describe('ZoneBudget', () => {
  it.each([
    [10_000, 1],
    [10_000, 7],
    [25 * MB, 1],
    [25 * MB, 40],
    [100 * MB, 3],
  ])('holds %i bytes a second over 5 s with %i clients', async (zone, clients) => {
    const budget = budgetOf({ zone });
    const bodies = Array.from({ length: clients }, () => startBody(budget.newClient()));
    await vi.advanceTimersByTimeAsync(5000);
    expectWithin(sum(bodies), zone * 5);
    const before = sum(bodies);
    await vi.advanceTimersByTimeAsync(5000);
    expectWithin(sum(bodies) - before, zone * 5);
    for (const body of bodies) body.stop();
  });

  it('holds the rate of each client, over all of its connections', async () => {
    const budget = budgetOf({ client: 2 * MB });
    const [one, other] = [budget.newClient(), budget.newClient()];
    const ofOne = [1, 2, 3].map(() => startBody(one));
    const ofOther = [startBody(other)];
    await vi.advanceTimersByTimeAsync(5000);
    expectWithin(sum(ofOne), 10 * MB);
    expectWithin(sum(ofOther), 10 * MB);
  });

  it('gives each client the same, however many connections it has', async () => {
    const budget = budgetOf({ zone: 20 * MB });
    const [many, one] = [budget.newClient(), budget.newClient()];
    const ofMany = Array.from({ length: 20 }, () => startBody(many));
    const ofOne = [startBody(one)];
    await vi.advanceTimersByTimeAsync(1000); // what may pass at once at the begin is for whoever comes first
    const before = { many: sum(ofMany), one: sum(ofOne) };
    await vi.advanceTimersByTimeAsync(5000);
    expectWithin(sum(ofMany) - before.many, 50 * MB);
    expectWithin(sum(ofOne) - before.one, 50 * MB);
    const bytes = ofMany.map((body) => body.bytes);
    expectWithin(Math.min(...bytes), Math.max(...bytes), 0.2); // and its connections the same among them
  });

  it('gives nobody more who asks and goes away over and over', async () => {
    const budget = budgetOf({ zone: MB });
    const [greedy, honest] = [budget.newClient(), budget.newClient()];
    const body = startBody(honest);
    let [taken, isOver] = [0, false];
    void (async () => {
      while (!isOver) {
        for (let count = 0; count < 20; count++) {
          const response = makeResponse();
          void greedy.take(PIECE, response);
          response.leave();
        }
        const asked = Array.from({ length: 20 }, async () => greedy.take(PIECE, makeResponse()));
        for (const bytes of await Promise.all(asked)) taken += bytes;
      }
    })();
    await vi.advanceTimersByTimeAsync(5000);
    isOver = true;
    expect(body.bytes).toBeGreaterThan(0.4 * (taken + body.bytes));
    body.stop();
    await vi.advanceTimersByTimeAsync(5000);
  });

  it('lets what has no bytes pass, whoever waits', () => {
    const budget = budgetOf({ zone: MB });
    const client = budget.newClient();
    const body = startBody(client);
    expect(client.takeNow(MB)).toBe(false);
    expect(client.takeNow(0)).toBe(true);
    body.stop();
  });

  it('gives what slow clients leave to the others', async () => {
    const budget = budgetOf({ zone: 10 * MB });
    const slow = Array.from({ length: 5 }, () => startBody(budget.newClient(), 100_000));
    const fast = [startBody(budget.newClient()), startBody(budget.newClient())];
    await vi.advanceTimersByTimeAsync(5000);
    expectWithin(sum(slow), 5 * 5 * 100_000);
    expectWithin(sum(fast), 5 * (10 * MB - 5 * 100_000));
    expectWithin(fast[0]?.bytes ?? 0, fast[1]?.bytes ?? 0);
  });

  it('gives what the rate of a client leaves to nobody', async () => {
    const budget = budgetOf({ zone: 10 * MB, client: MB });
    const bodies = [startBody(budget.newClient()), startBody(budget.newClient())];
    await vi.advanceTimersByTimeAsync(5000);
    for (const body of bodies) expectWithin(body.bytes, 5 * MB);
  });

  it('follows rates that change, for bodies that wait, too', async () => {
    let rates: Rates = { zone: 10_000, client: null };
    const budget = new ZoneBudget(() => rates);
    const bodies = [startBody(budget.newClient()), startBody(budget.newClient())];
    await vi.advanceTimersByTimeAsync(5000);
    expectWithin(sum(bodies), 50_000);
    let before = sum(bodies);
    rates = { zone: 10 * MB, client: null };
    await vi.advanceTimersByTimeAsync(5000);
    expectWithin(sum(bodies) - before, 50 * MB);
    before = sum(bodies);
    rates = { zone: 10 * MB, client: MB };
    await vi.advanceTimersByTimeAsync(5000);
    expectWithin(sum(bodies) - before, 10 * MB);
    rates = { zone: 1, client: null };
    await vi.advanceTimersByTimeAsync(1000);
    before = sum(bodies);
    rates = { zone: null, client: null };
    await vi.advanceTimersByTimeAsync(20);
    expect(sum(bodies) - before).toBeGreaterThan(2 * PIECE);
    for (const body of bodies) body.stop();
  });

  it('answers 0 to one whose client leaves while it waits, and takes nothing for it', async () => {
    const budget = budgetOf({ zone: 100_000 });
    const client = budget.newClient();
    const response = makeResponse();
    expect(await client.take(15_000, response)).toBe(15_000);
    const waiting = client.take(PIECE, response);
    response.leave();
    expect(await waiting).toBe(0);
    expect(await client.take(PIECE, response)).toBe(0);
    await vi.advanceTimersByTimeAsync(150);
    expect(client.takeNow(15_000)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('takes all at once or nothing, and never before those who wait', async () => {
    const budget = budgetOf({ zone: 100_000 });
    const [one, other] = [budget.newClient(), budget.newClient()];
    expect([one.takeNow(10_000), one.takeNow(6_000), one.takeNow(5_000)]).toEqual([true, false, true]);
    const response = makeResponse();
    const waiting = one.take(PIECE, response);
    expect(other.takeNow(1)).toBe(false);
    await vi.advanceTimersByTimeAsync(100);
    expect(await waiting).toBeGreaterThan(0);
    await vi.advanceTimersByTimeAsync(100);
    expect(other.takeNow(1)).toBe(true);
  });

  it('gives back what did not leave', () => {
    const budget = budgetOf({ zone: 100_000, client: 100_000 });
    const client = budget.newClient();
    expect(client.takeNow(15_000)).toBe(true);
    expect(client.takeNow(5_000)).toBe(false);
    client.giveBack(5_000);
    expect(client.takeNow(5_000)).toBe(true);
  });

  it('counts the clients that download now', async () => {
    const budget = budgetOf({ zone: 10 * MB });
    expect(budget.activeClients).toBe(0);
    const bodies = [1, 2, 3].map(() => startBody(budget.newClient()));
    await vi.advanceTimersByTimeAsync(5000);
    expect(budget.activeClients).toBe(3);
    for (const body of bodies) body.stop();
    await vi.advanceTimersByTimeAsync(5000);
    expect(budget.activeClients).toBe(0);
  });
});
