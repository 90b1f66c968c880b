import Database from 'better-sqlite3';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openStore, type Store } from '../../store/open.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const DAY = 24 * 3600 * 1000;

async function freshStore(): Promise<{ store: Store; file: string }> {
  const file = join(await tempFolder(), 'state.db');
  const store = openStore(file);
  onTestFinished(() => store.close());
  return { store, file };
}

function state(at: number, mirror = 'pond') {
  return { mirror, at, word: at % 2 === 0 ? ('current' as const) : ('late' as const), sentence: `Since ${at}.` };
}

describe('VerdictStore', () => {
  test('lists the states of a mirror, and those of all, newest first', async () => {
    const { store } = await freshStore();
    expect([store.verdicts.lastId(), store.verdicts.list('pond', 9)]).toEqual([0, []]);
    for (const [at, mirror] of [
      [1, 'pond'],
      [2, 'lake'],
      [3, 'pond'],
      [4, 'pond'],
    ] as const)
      store.verdicts.add(state(at, mirror));
    const ids = (list: readonly { id: number }[]) => list.map(({ id }) => id);
    expect(ids(store.verdicts.list('pond', 2))).toEqual([4, 3]);
    expect(ids(store.verdicts.list('pond', 9, 3))).toEqual([1]);
    expect(ids(store.verdicts.newest(3))).toEqual([4, 3, 2]);
    expect(store.verdicts.lastId()).toBe(4);
    expect(store.verdicts.list('lake', 1)).toEqual([{ id: 2, ...state(2, 'lake') }]);
  });

  test('forgets what is too much or too old of one mirror, and nothing of others', async () => {
    const { store } = await freshStore();
    store.verdicts.add(state(1, 'lake'));
    for (let at = 1; at <= 520; at++) store.verdicts.add(state(at));
    expect(store.verdicts.list('pond', 1000)).toHaveLength(500);
    expect(store.verdicts.list('pond', 1000).at(-1)?.at).toBe(21);
    store.verdicts.add(state(401 * DAY));
    expect(store.verdicts.list('pond', 1000).map(({ at }) => at)).toEqual([401 * DAY]);
    expect(store.verdicts.list('lake', 9)).toHaveLength(1);
  });
});

describe('the queries of a status', () => {
  test('look at no more rows than they give, however long the history is', async () => {
    const { file } = await freshStore();
    const db = new Database(file, { readonly: true });
    onTestFinished(() => void db.close());
    const plan = (sql: string): string =>
      (db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[]).map(({ detail }) => detail).join('; ');
    const good =
      "SELECT * FROM runs WHERE mirror = 'm' AND outcome IN ('updated', 'unchanged') ORDER BY id DESC LIMIT 1";
    const plans = [
      plan("SELECT * FROM runs WHERE mirror = 'm' AND phase = 'ended' ORDER BY id DESC LIMIT 30"),
      plan(good),
      plan("SELECT * FROM generations WHERE mirror = 'm' AND state = 'live' ORDER BY id DESC LIMIT 1"),
      plan("SELECT * FROM generations WHERE mirror = 'm' ORDER BY id DESC LIMIT 100"),
      plan("SELECT * FROM mirrors WHERE mirror = 'm'"),
      plan("SELECT * FROM verdicts WHERE mirror = 'm' AND id < 9 ORDER BY id DESC LIMIT 1"),
    ];
    for (const each of plans) {
      expect(each).toContain('USING INDEX');
      expect(each).not.toMatch(/SCAN|TEMP B-TREE/);
    }
    expect(plans[1]).toContain('runs_good');
  });
});
