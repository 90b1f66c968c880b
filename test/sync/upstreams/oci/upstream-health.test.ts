import { onTestFinished, describe, expect, it } from 'vitest';
import type { Registry } from '../../../../core/oci/image-mirror.js';
import { openStore } from '../../../../store/open.js';
import { RegistryClients } from '../../../../sync/upstreams/oci/registry-clients.js';
import { RegistryFailure, type RegistryFailureKind } from '../../../../sync/upstreams/oci/registry-failure.js';
import { UpstreamHealth } from '../../../../sync/upstreams/oci/upstream-health.js';
import { startImageUpstream, type ImageUpstream } from '../../../fixtures/image-upstream.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DOWN = new RegistryFailure('connect', 'up.test cannot be reached');

interface Scene {
  readonly upstream: ImageUpstream;
  readonly clock: { now: number };
  readonly registries: Map<string, Registry>;
  /** Milliseconds after which each of those who wait will be called. */
  waits(): number[];
  /** Lets the time pass that the next one waits for, and calls it; resolves when it waits again, or does not any more. */
  next(): Promise<void>;
  /** As after a start of the program on the same database. */
  open(): UpstreamHealth;
  rows(): Map<string, number>;
}

async function scene(): Promise<Scene> {
  const upstream = await startImageUpstream();
  const folder = await tempFolder();
  const store = openStore(`${folder}/state.db`);
  onTestFinished(() => store.close());
  const clock = { now: Date.UTC(2026, 0, 2) };
  const clients = new RegistryClients({ store, clock: () => clock.now });
  onTestFinished(() => clients.close());
  const up: Registry = {
    ...{ name: 'up.test', url: upstream.faulty.url, credentials: null, budget: null, alias: null, onDemand: null },
    privateAddresses: true,
  };
  const registries = new Map([[up.name, up]]);
  const waiting = new Set<{ milliseconds: number; work: () => void }>();
  const asked = { count: 0 };
  const open = (): UpstreamHealth => {
    const health = new UpstreamHealth({
      ...{ store, clock: () => clock.now, log: { warn: () => undefined }, registries: () => registries },
      async ping(registry, signal) {
        try {
          await clients.sourceOf(registry).client.ping({ signal, urgency: 'sync' });
        } finally {
          asked.count++;
        }
      },
      callLater(milliseconds, work) {
        const call = { milliseconds, work };
        waiting.add(call);
        return () => waiting.delete(call);
      },
    });
    onTestFinished(() => health.close());
    return health;
  };
  return {
    ...{ upstream, clock, registries, open },
    waits: () => [...waiting].map(({ milliseconds }) => milliseconds),
    async next() {
      const [call] = waiting;
      if (!call) throw new Error('nobody waits');
      waiting.delete(call);
      clock.now += call.milliseconds;
      const before = asked.count;
      call.work();
      await expect.poll(() => asked.count > before || waiting.size > 0).toBe(true);
      await new Promise((resolve) => setImmediate(resolve));
    },
    rows: () => store.upstreamTroubles.all(),
  };
}

function failure(kind: RegistryFailureKind, status: number | null = null): RegistryFailure {
  return new RegistryFailure(kind, 'up.test did not give it', { status });
}

describe('UpstreamHealth', () => {
  it.each([
    ['connect', null],
    ['dns', null],
    ['timeout', null],
    ['unavailable', 503],
  ] as const)('takes %s (%s) for a trouble of the registry', async (kind, status) => {
    const { open, clock, rows } = await scene();
    const health = open();
    health.failed('up.test', failure(kind, status));
    const since = clock.now;
    clock.now += MINUTE;
    health.failed('up.test', failure(kind, status));
    expect(health.troubleSince('up.test')).toBe(since);
    expect(rows()).toEqual(new Map([['up.test', since]]));
  });

  it.each([
    ['rate-limited', 429],
    ['unauthorized', 401],
    ['denied', 403],
    ['not-found', 404],
    ['invalid', 200],
    ['unavailable', 404], // of a storage that lacks one blob
  ] as const)('takes %s (%s) for an answer, which is about one repository or account', async (kind, status) => {
    const { open, rows } = await scene();
    const health = open();
    health.failed('up.test', failure(kind, status));
    expect(health.troubleSince('up.test')).toBeNull();
    health.failed('up.test', DOWN);
    health.failed('up.test', failure(kind, status));
    expect(health.troubleSince('up.test')).toBeNull();
    expect(rows()).toEqual(new Map());
  });

  it('learns nothing of what was refused here without asking', async () => {
    const { open, clock } = await scene();
    const health = open();
    health.failed('up.test', DOWN);
    health.failed('up.test', failure('rate-limited'));
    health.failed('up.test', new Error('of this program'));
    expect(health.troubleSince('up.test')).toBe(clock.now);
  });

  it('keeps it over a restart, and drops what is about a registry that is configured no more', async () => {
    const { open, clock, registries, rows, upstream } = await scene();
    const other = { ...registries.get('up.test'), name: 'other.test' } as Registry;
    registries.set(other.name, other);
    const health = open();
    for (const name of ['up.test', 'other.test']) health.failed(name, DOWN);
    const since = clock.now;
    await health.close();
    registries.delete('other.test');
    const restarted = open();
    expect([restarted.troubleSince('up.test'), restarted.isLeftAlone('up.test')]).toEqual([since, false]);
    expect(rows()).toEqual(new Map([['up.test', since]]));
    restarted.failed('other.test', DOWN); // by a run that was under way
    registries.set('up.test', { ...other, name: 'up.test', url: `${upstream.faulty.url}/elsewhere` });
    restarted.settingsChanged();
    expect(restarted.troubleSince('up.test')).toBeNull();
    expect(rows()).toEqual(new Map());
  });

  it('looks whether it is back, ever more rarely, by a request that is no pull', async () => {
    const { open, upstream, waits, next, rows } = await scene();
    const health = open();
    expect(waits()).toEqual([]);
    await upstream.faulty.offline();
    health.failed('up.test', DOWN);
    const pauses: number[] = [];
    for (let look = 0; look < 6; look++) {
      expect(waits()).toHaveLength(1);
      pauses.push((waits()[0] ?? 0) / MINUTE);
      await next();
    }
    expect(pauses).toEqual([1, 2, 4, 8, 15, 15]);
    await upstream.faulty.online();
    await next();
    expect(upstream.faulty.requests().map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /v2/']);
    expect([health.troubleSince('up.test'), rows().size, waits()]).toEqual([null, 0, []]);
    health.failed('up.test', DOWN);
    expect(waits()).toEqual([MINUTE]);
  });

  it('finds it back also where it wants a login that nobody has', async () => {
    const { open, upstream, next } = await scene();
    const health = open();
    health.failed('up.test', DOWN);
    upstream.faulty.inject({ on: { kind: 'base' }, action: { do: 'answer', status: 403 } });
    await next();
    expect(health.troubleSince('up.test')).toBeNull();
  });

  it('does not look while others ask, nor when they have got an answer', async () => {
    const { open, upstream, clock, waits, next } = await scene();
    const health = open();
    health.failed('up.test', DOWN);
    clock.now += 50 * SECOND;
    health.failed('up.test', DOWN);
    clock.now -= 50 * SECOND;
    await next();
    expect(upstream.faulty.requests()).toEqual([]);
    expect(waits()).toEqual([MINUTE]);
    health.answered('up.test');
    expect(waits()).toEqual([]);
  });

  it('looks soon after a start, and not at all after its end', async () => {
    const { open, upstream, waits, next } = await scene();
    open().failed('up.test', DOWN);
    const restarted = open();
    expect(waits()).toEqual([MINUTE, SECOND]);
    await restarted.close();
    expect(waits()).toEqual([MINUTE]);
    restarted.failed('up.test', DOWN);
    expect(waits()).toEqual([MINUTE]);
    await next();
    expect(upstream.faulty.requests({ kind: 'base' })).toHaveLength(1);
  });

  it('ends a look that is under way when it is closed', async () => {
    const { open, upstream, next } = await scene();
    const health = open();
    health.failed('up.test', DOWN);
    upstream.faulty.inject({ on: { kind: 'base' }, action: { do: 'hang' } });
    const looked = next();
    await expect.poll(() => upstream.faulty.requests()).toHaveLength(1);
    await health.close();
    await looked;
    expect(health.troubleSince('up.test')).not.toBeNull();
  });
});
