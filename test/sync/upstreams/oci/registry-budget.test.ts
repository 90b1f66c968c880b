import { describe, expect, it } from 'vitest';
import type { Budget } from '../../../../core/oci/image-mirror.js';
import {
  RegistryBudget,
  type Admission,
  type BudgetMemory,
  type Urgency,
} from '../../../../sync/upstreams/oci/registry-budget.js';
import { failureOf, memory } from './registry-scene.js';

const START = Date.UTC(2026, 0, 2, 3, 4, 5);
const SIGNAL = new AbortController().signal;

function budgetOf(budget: Budget | null, kept: BudgetMemory = memory()) {
  const clock = { now: START };
  const rules = new RegistryBudget({ registry: 'docker.io', budget, clock: () => clock.now, memory: kept });
  const admit = (urgency: Urgency): Promise<Admission> => rules.admit(urgency, SIGNAL);
  /** Makes so many pulls, each ended. */
  const pull = async (count: number, urgency: Urgency = 'on-demand'): Promise<void> => {
    for (let i = 0; i < count; i++) (await admit(urgency)).done();
  };
  return { rules, clock, admit, pull, state: () => rules.state(clock.now) };
}

function answer(headers: Record<string, string>, status = 200) {
  return { status, field: (name: string) => headers[name] };
}

function said(remaining: number, limit = 100): Record<string, string> {
  return { 'ratelimit-limit': `${limit};w=21600`, 'ratelimit-remaining': `${remaining};w=21600` };
}

/** A wait that only lets what is ready go on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

describe('the budget of the operator', () => {
  it('slides: each pull is free again when the window is over', async () => {
    const { clock, pull, admit, state } = budgetOf({ pulls: 3, window: 600 });
    await pull(1);
    clock.now += 100_000;
    await pull(2);
    expect(state()).toEqual({
      ...{ remaining: 0, limit: 3, window: 600, setBy: 'operator' },
      ...{ resetsAt: START + 700_000, blockedUntil: null },
    });
    const failure = await failureOf(admit('on-demand'));
    expect(failure).toMatchObject({ kind: 'rate-limited', retryAfter: 500 });
    expect(failure.message).toBe('docker.io has none of the 3 pulls that are allowed here left');
    clock.now += 500_000;
    await pull(1);
    expect(await failureOf(admit('on-demand'))).toMatchObject({ retryAfter: 100 });
    clock.now += 100_000;
    expect(state()).toMatchObject({ remaining: 2 });
  });

  it('takes back a pull of what was not there, once', async () => {
    const { pull, admit, state } = budgetOf({ pulls: 5, window: 60 });
    await pull(2);
    const admission = await admit('on-demand');
    for (let i = 0; i < 2; i++) {
      admission.giveBack();
      admission.done();
    }
    expect(state()).toMatchObject({ remaining: 3 });
  });

  it('keeps a fifth from syncs', async () => {
    const { pull, admit, state } = budgetOf({ pulls: 10, window: 60 });
    await pull(8, 'sync');
    const failure = await failureOf(admit('sync'));
    expect(failure).toMatchObject({ kind: 'rate-limited', retryAfter: 60 });
    expect(failure.message).toContain('has only 2 of 10 pulls that are allowed here left, which are kept for clients');
    await pull(2);
    await failureOf(admit('on-demand'));
    expect(state().remaining).toBe(0);
  });

  it('is not so small that a sync gets nothing', async () => {
    await budgetOf({ pulls: 1, window: 60 }).pull(1, 'sync');
  });

  it('tells a sync when the reserve is over, not when one pull is free', async () => {
    const { clock, pull, admit } = budgetOf({ pulls: 10, window: 600 });
    await pull(1);
    clock.now += 100_000;
    await pull(1);
    clock.now += 100_000;
    await pull(8);
    expect((await failureOf(admit('on-demand'))).retryAfter).toBe(400);
    expect((await failureOf(admit('sync'))).retryAfter).toBe(600);
  });

  it('is not forgotten by a restart', async () => {
    const kept = memory();
    await budgetOf({ pulls: 5, window: 60 }, kept).pull(4);
    const next = budgetOf({ pulls: 5, window: 60 }, kept);
    expect(next.state().remaining).toBe(1);
    next.clock.now += 60_000;
    expect(next.state()).toMatchObject({ remaining: 5, resetsAt: null });
  });

  it('keeps little, however many pulls there are', async () => {
    const kept = memory();
    const { clock, pull, state } = budgetOf({ pulls: 10_000, window: 600 }, kept);
    for (let i = 0; i < 1_000; i++) {
      await pull(1);
      clock.now += 500;
    }
    expect(state().remaining).toBe(9_000);
    expect(kept.load()?.length).toBeLessThan(10_000);
    clock.now += 110_000; // pulls are forgotten in groups of 10 s
    expect(state().remaining).toBe(9_000 + 20);
  });

  it.each(['', 'x', '[]', 'null', '{"pulls":[1,{}],"said":{"limit":1},"blockedUntil":"x"}'])(
    'begins anew where %j was kept',
    (text) => {
      expect(budgetOf({ pulls: 5, window: 60 }, memory(text)).state()).toMatchObject({ remaining: 5 });
    },
  );
});

describe('what the registry says', () => {
  it('counts where it is less than the operator allows', async () => {
    const { rules, clock, pull, admit, state } = budgetOf({ pulls: 50, window: 60 });
    rules.heard(answer(said(2)), false);
    expect(state()).toMatchObject({ remaining: 2, limit: 100, window: 21600, setBy: 'registry' });
    await pull(2);
    const failure = await failureOf(admit('on-demand'));
    expect(failure).toMatchObject({ kind: 'rate-limited', retryAfter: 21600 });
    expect(failure.message).toBe('docker.io has none of the 100 pulls that it allows left');
    rules.heard(answer(said(7)), false); // a HEAD tells that there is room again
    await pull(1);
    expect(state().remaining).toBe(6);
    clock.now += 21_600_000;
    expect(state()).toMatchObject({ setBy: 'operator', remaining: 50 });
  });

  it('takes back a pull of what was not there, unless the registry has spoken since', async () => {
    const { rules, admit, state } = budgetOf(null);
    rules.heard(answer(said(50)), false);
    (await admit('on-demand')).giveBack();
    expect(state()).toMatchObject({ remaining: 50 });
    const counted = await admit('on-demand');
    rules.heard(answer(said(40), 404), true);
    counted.giveBack();
    expect(state().remaining).toBeLessThanOrEqual(40);
  });

  it('leaves a fifth of it to clients', async () => {
    const { rules, admit, pull } = budgetOf(null);
    rules.heard(answer(said(21)), false);
    await pull(1, 'sync');
    expect(await failureOf(admit('sync'))).toMatchObject({ kind: 'rate-limited', retryAfter: 21600 });
    await pull(1);
  });

  it('does not count those that are still under way', async () => {
    const { rules, admit, state } = budgetOf(null);
    const [first] = await Promise.all([admit('sync'), admit('sync'), admit('sync')]);
    rules.heard(answer(said(50)), true);
    first.done();
    expect(state().remaining).toBe(48);
  });

  it('is not forgotten by a restart', () => {
    const kept = memory();
    budgetOf(null, kept).rules.heard(answer(said(0)), false);
    expect(budgetOf(null, kept).state()).toMatchObject({ remaining: 0, limit: 100 });
  });

  it('is nothing where it says nothing', async () => {
    const { rules, pull, state } = budgetOf(null);
    rules.heard(answer({}), false);
    await pull(100, 'sync');
    const nothing = { remaining: null, limit: null, window: null, setBy: null, resetsAt: null, blockedUntil: null };
    expect(state()).toEqual(nothing);
  });
});

describe('a registry that wants to be left alone', () => {
  it.each([
    [429, { 'retry-after': '120' }, 120, 'rate-limited'],
    [429, {}, 60, 'rate-limited'],
    [429, { 'retry-after': new Date(START + 90_000).toUTCString() }, 90, 'rate-limited'],
    [503, { 'retry-after': '30' }, 30, 'unavailable'],
  ] as const)('by %i and %j is, also after a restart', async (status, headers, seconds, kind) => {
    const kept = memory();
    const { rules, admit, state, clock } = budgetOf(null, kept);
    rules.heard(answer(headers, status), false);
    expect(state().blockedUntil).toBe(START + seconds * 1000);
    expect(await failureOf(admit('on-demand'))).toMatchObject({ kind, retryAfter: seconds });
    expect(() => budgetOf(null, kept).rules.pause()).toThrow('asked to be left alone');
    clock.now += seconds * 1000;
    expect(rules.pause()).toBe(0);
    expect(state().blockedUntil).toBeNull();
    (await admit('sync')).done();
  });

  it('for a short time may be waited for', () => {
    const { rules, clock } = budgetOf(null);
    rules.heard(answer({ 'retry-after': '10' }, 429), false);
    clock.now += 3_000;
    expect(rules.pause()).toBe(7_000);
  });

  it('is not left alone for 503 without Retry-After, nor for what another block outlasts', () => {
    const { rules, state } = budgetOf(null);
    rules.heard(answer({}, 503), false);
    expect(state().blockedUntil).toBeNull();
    rules.heard(answer({ 'retry-after': '100' }, 503), false);
    rules.heard(answer({ 'retry-after': '5' }, 429), false);
    expect(state().blockedUntil).toBe(START + 100_000);
  });

  it('is asked again when the clock has been set back by years', () => {
    const kept = memory();
    budgetOf({ pulls: 5, window: 60 }, kept).rules.block(429, 3600);
    const { rules, clock } = budgetOf({ pulls: 5, window: 60 }, kept);
    clock.now -= 366 * 24 * 3600 * 1000;
    expect(rules.pause()).toBe(0);
  });
});

describe('the order of admissions', () => {
  it('lets eight in at once, six of them syncs, and clients before syncs that came earlier', async () => {
    const { admit } = budgetOf(null);
    const order: string[] = [];
    const held: Admission[] = [];
    const come = (name: string, urgency: Urgency): void =>
      void admit(urgency).then((admission) => {
        order.push(name);
        held.push(admission);
      });
    for (let i = 1; i <= 8; i++) come(`sync ${i}`, 'sync');
    await settle();
    expect(order).toHaveLength(6);
    for (let i = 1; i <= 3; i++) come(`client ${i}`, 'on-demand');
    await settle();
    expect(order.slice(6)).toEqual(['client 1', 'client 2']);
    for (const admission of held.splice(0, 3)) admission.done();
    await settle();
    expect(order.slice(8)).toEqual(['client 3']);
    for (const admission of held.splice(0, 3)) admission.done();
    await settle();
    expect(order.slice(9)).toEqual(['sync 7', 'sync 8']);
  });

  it('refuses those who waited when nothing is left', async () => {
    const { admit } = budgetOf({ pulls: 8, window: 60 });
    const held = await Promise.all(Array.from({ length: 8 }, () => admit('on-demand')));
    await failureOf(admit('on-demand'));
    const generous = budgetOf(null);
    const others = await Promise.all(Array.from({ length: 8 }, () => generous.admit('on-demand')));
    const waiting = [failureOf(generous.admit('on-demand')), failureOf(generous.admit('sync'))];
    generous.rules.block(429, 3600);
    for (const admission of [...held, ...others]) admission.done();
    expect((await Promise.all(waiting)).map(({ kind }) => kind)).toEqual(['rate-limited', 'rate-limited']);
  });

  it('does not admit more of those who waited than are left', async () => {
    const { admit } = budgetOf({ pulls: 9, window: 60 });
    const held = await Promise.all(Array.from({ length: 8 }, () => admit('on-demand')));
    const first = admit('on-demand');
    const second = failureOf(admit('on-demand'));
    for (const admission of held) admission.done();
    (await first).done();
    expect(await second).toMatchObject({ kind: 'rate-limited' });
  });

  it('takes those who leave out of the queue', async () => {
    const { rules, admit } = budgetOf(null);
    const held = await Promise.all(Array.from({ length: 8 }, () => admit('on-demand')));
    const stop = new AbortController();
    const leaving = rules.admit('on-demand', stop.signal);
    const staying = admit('on-demand');
    stop.abort(new Error('left'));
    await expect(leaving).rejects.toThrow('left');
    await expect(rules.admit('sync', stop.signal)).rejects.toThrow('left');
    held[0]?.done();
    held[0]?.done(); // a second time gives nothing back
    (await staying).done();
    const again = await admit('on-demand');
    const full = admit('on-demand');
    again.done();
    (await full).done();
  });
});
