import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StateHistory } from '../../server/state-history.js';
import { StatusBoard } from '../../server/status-board.js';
import { addGeneration, addRun, HOUR, IDLE, makeMirror, NOW, openScene, type Scene } from './scene.js';

describe('StateHistory', () => {
  let scene: Scene;
  let now: number;
  let history: StateHistory;
  const warned: string[] = [];
  beforeEach(async () => {
    scene = await openScene({ mirrors: ['debian', 'empty'].map((name) => makeMirror(name)) });
    addGeneration(scene, 'debian');
    addRun(scene, 'debian');
    now = NOW;
    warned.length = 0;
    history = open();
  });
  afterEach(async () => {
    history.stop();
    await scene.close();
  });

  function open(): StateHistory {
    const { store, engine } = scene;
    const clock = () => now;
    const board = new StatusBoard({ settings: () => scene.settings, store, engine, clock });
    const log = { warn: (_fields: object, text: string) => void warned.push(text) };
    const opened = new StateHistory({ store, engine, board, clock, log });
    opened.start();
    return opened;
  }

  const words = (mirror = 'debian') => scene.store.verdicts.list(mirror, 99).map(({ word, at }) => [word, at - NOW]);

  it('writes down the state of each mirror when it begins, and then when the word changes', () => {
    expect([words(), words('empty')]).toEqual([[['current', 0]], [['new', 0]]]);
    now += HOUR;
    history.look();
    expect(words()).toEqual([['current', 0]]);
    now += 20 * HOUR;
    history.look();
    expect(words()).toEqual([
      ['late', 21 * HOUR],
      ['current', 0],
    ]);
    expect(scene.store.verdicts.list('debian', 1)[0]?.sentence).toContain(
      'Last in step with upstream 2026-11-23 13:50',
    );
  });

  it('hears at once of what the engine does', () => {
    scene.store.mirrors.pause('debian', now, 'disks');
    scene.engine.tell({ type: 'mirror.changed', mirror: 'debian' });
    expect(words()[0]).toEqual(['paused', 0]);
  });

  it('looks when the clock may have brought something about, before anybody asks', () => {
    history.stop();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      now = NOW + 4_000;
      history = open();
      scene.store.mirrors.pause('debian', now, 'disks');
      now = NOW + 15_000;
      vi.advanceTimersByTime(10_999);
      expect(words()).toEqual([['current', 0]]);
      vi.advanceTimersByTime(1);
      expect(words()[0]).toEqual(['paused', 15_000]);
      scene.store.mirrors.resume('debian');
      now = NOW + 30_000;
      vi.advanceTimersByTime(15_000);
      expect(words()[0]).toEqual(['current', 30_000]);
      history.stop();
    } finally {
      vi.useRealTimers();
    }
  });

  it('lets a fetch pass: the state before goes on', () => {
    const run = { ...addRun(scene, 'debian'), phase: 'pull' as const, outcome: null };
    scene.engine.activities.set('debian', { ...IDLE, running: run, lastByteAt: now });
    scene.engine.tell({ type: 'run.started', mirror: 'debian', run });
    history.look();
    scene.engine.activities.delete('debian');
    scene.engine.tell({ type: 'run.ended', mirror: 'debian', run });
    expect(words()).toEqual([['current', 0]]);
  });

  it('goes on after a restart where it was', () => {
    history.stop();
    now += HOUR;
    history = open();
    expect(words()).toEqual([['current', 0]]);
  });

  it('says once that the disk does not take it, and records it when it does', () => {
    scene.store.mirrors.pause('debian', now, 'disks');
    const add = scene.store.verdicts.add.bind(scene.store.verdicts);
    scene.store.verdicts.add = () => {
      throw new Error('database or disk is full');
    };
    history.look();
    history.look();
    expect(warned).toEqual(['a change of state cannot be recorded yet: database or disk is full']);
    scene.store.verdicts.add = add;
    now += HOUR;
    history.look();
    expect(words()[0]).toEqual(['paused', HOUR]);
  });

  it('knows nothing of mirrors that are not configured', () => {
    scene.engine.tell({ type: 'mirror.changed', mirror: 'library/debian' });
    expect(scene.store.verdicts.newest(9)).toHaveLength(2);
  });
});
