import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { CliContext } from '../../cli/context.js';
import { runUntilSignal, type Running } from '../../cli/lifecycle.js';
import { MillpondError } from '../../core/errors.js';
import { Captured } from './scene.js';

function prepare() {
  const signals = new EventEmitter();
  const stderr = new Captured();
  const exits: number[] = [];
  const time = { now: 0 };
  const io = { stdout: new Captured(), stderr, isTTY: false, cwd: '/', env: {}, signals };
  const context = new CliContext(
    { ...io, clock: () => time.now, exitNow: (code) => void exits.push(code) },
    () => ({}),
  );
  return { signals, stderr, exits, time, context };
}

function running(more: Partial<Running> = {}): Running & { stops: number; reopened: number } {
  const counted = {
    stops: 0,
    reopened: 0,
    stop: () => Promise.resolve(void counted.stops++),
    reload: () => Promise.resolve({ changed: ['sync.jitter'] }),
    reopenLogs: () => void counted.reopened++,
    ...more,
  };
  return counted;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('runUntilSignal', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('stops at %s and leaves no listener', async (signal) => {
    const { signals, context, exits } = prepare();
    const program = running();
    const ended = runUntilSignal(context, () => Promise.resolve(program));
    await turn();
    signals.emit(signal, signal);
    await ended;
    expect(program.stops).toBe(1);
    expect(exits).toEqual([]);
    expect(signals.eventNames()).toEqual([]);
  });

  it('opens logs again at SIGUSR1, and goes on', async () => {
    const { signals, context } = prepare();
    const program = running();
    const ended = runUntilSignal(context, () => Promise.resolve(program));
    signals.emit('SIGUSR1', 'SIGUSR1'); // nothing is open yet
    await turn();
    signals.emit('SIGUSR1', 'SIGUSR1');
    expect([program.reopened, program.stops]).toEqual([1, 0]);
    signals.emit('SIGTERM', 'SIGTERM');
    await ended;
  });

  it('finishes starting before it stops', async () => {
    const { signals, context } = prepare();
    const program = running();
    let started: (program: Running) => void = () => undefined;
    const ended = runUntilSignal(context, () => new Promise((resolve) => (started = resolve)));
    signals.emit('SIGTERM', 'SIGTERM');
    await turn();
    expect(program.stops).toBe(0);
    started(program);
    await ended;
    expect(program.stops).toBe(1);
  });

  it('takes a signal that comes twice at once for one, and ends at once at a later one', async () => {
    const { signals, context, exits, time } = prepare();
    let stopped: () => void = () => undefined;
    const program = running({ stop: () => new Promise((resolve) => (stopped = resolve)) });
    const ended = runUntilSignal(context, () => Promise.resolve(program));
    await turn();
    signals.emit('SIGINT', 'SIGINT');
    signals.emit('SIGINT', 'SIGINT');
    await turn();
    expect(exits).toEqual([]);
    time.now = 5_000;
    signals.emit('SIGINT', 'SIGINT');
    expect(exits).toEqual([130]);
    signals.emit('SIGTERM', 'SIGTERM');
    expect(exits).toEqual([130, 143]);
    stopped();
    await ended;
  });

  it('reloads at SIGHUP and goes on', async () => {
    const { signals, context, stderr } = prepare();
    const ended = runUntilSignal(context, () => Promise.resolve(running()));
    await turn();
    signals.emit('SIGHUP', 'SIGHUP');
    await stderr.holds('Reloaded: changed sync.jitter.');
    signals.emit('SIGTERM', 'SIGTERM');
    await ended;
  });

  it('says why a reload was refused and goes on', async () => {
    const { signals, context, stderr } = prepare();
    const reload = () => Promise.reject(new MillpondError('invalid', 'data: "x" is wrong', { hint: 'Mend it.' }));
    const ended = runUntilSignal(context, () => Promise.resolve(running({ reload })));
    await turn();
    signals.emit('SIGHUP', 'SIGHUP');
    await stderr.holds('the old one stays: data: "x" is wrong\nMend it.\n');
    signals.emit('SIGTERM', 'SIGTERM');
    await ended;
  });

  it('passes on why it could not start, and leaves no listener', async () => {
    const { signals, context } = prepare();
    await expect(runUntilSignal(context, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(signals.eventNames()).toEqual([]);
  });
});
