import { EventEmitter } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { runCli } from '../../cli/program.js';
import { loadSettings } from '../../config/load.js';
import type { Settings } from '../../config/settings.js';
import { Layout } from '../../content/layout.js';
import type { Engine, EngineEvent, MirrorActivity } from '../../core/engine.js';
import { MillpondError } from '../../core/errors.js';
import type { ImageStatistics } from '../../core/oci/image-statistics.js';
import type { Run, RunTrigger } from '../../core/run.js';
import { createControlHandler, type ReloadResult } from '../../server/control.js';
import type { ImageControls } from '../../server/control-images.js';
import { openControlSocket, type ControlSocket } from '../../server/control-socket.js';
import { StatusBoard } from '../../server/status-board.js';
import { openStore, type Store } from '../../store/open.js';
import { tempFolder } from '../fixtures/temp-folder.js';

export const NOW = Date.UTC(2026, 10, 23, 14, 0);

/** An engine that records runs in a real store and does with them what a test says. */
export class ScriptedEngine implements Engine {
  readonly listeners = new Set<(event: EngineEvent) => void>();
  readonly running = new Map<string, Run>();
  readonly cancelled: string[] = [];
  /** Called with each run that was triggered, after the answer. */
  onTrigger: (run: Run) => void = () => undefined;

  constructor(private readonly store: Store) {}

  trigger(mirror: string, trigger: RunTrigger, { force = false } = {}): Run {
    const { pausedAt, pauseReason } = this.store.mirrors.get(mirror);
    if (pausedAt !== null && !force)
      throw new MillpondError('conflict', `${mirror} is paused: ${pauseReason}`, { hint: 'Resume it.' });
    const run = this.store.runs.add({ mirror, trigger, attempt: 1, force, queuedAt: NOW });
    setImmediate(() => this.onTrigger(run));
    return run;
  }

  /** Starts a run, or takes it to another phase. */
  enter(run: Run, phase: Run['phase']): Run {
    const entered = this.store.runs.update(run.id, { phase, startedAt: NOW });
    this.running.set(run.mirror, entered);
    this.tell({ type: run.phase === 'queued' ? 'run.started' : 'run.phase', mirror: run.mirror, run: entered });
    return entered;
  }

  end(run: Run, fields: Partial<Run>): Run {
    const ended = this.store.runs.update(run.id, { phase: 'ended', startedAt: NOW, endedAt: NOW + 5_000, ...fields });
    this.running.delete(run.mirror);
    this.tell({ type: 'run.ended', mirror: run.mirror, run: ended });
    return ended;
  }

  cancel(mirror: string): Promise<{ cancelled: number[] }> {
    this.cancelled.push(mirror);
    const run = this.running.get(mirror);
    if (run) this.end(run, { outcome: 'cancelled' });
    return Promise.resolve({ cancelled: run ? [run.id] : [] });
  }

  pause(mirror: string, reason: string): void {
    this.store.mirrors.pause(mirror, NOW, reason);
  }

  resume(mirror: string): void {
    this.store.mirrors.resume(mirror);
  }

  approve(mirror: string): Run {
    return this.trigger(mirror, 'approval', { force: true });
  }

  reject(): Promise<void> {
    return Promise.resolve();
  }

  rollback(mirror: string): Promise<{ generation: number }> {
    if (mirror === 'debian') return Promise.resolve({ generation: 7 });
    return Promise.reject(new MillpondError('conflict', `${mirror} has no previous generation`, { hint: 'Wait.' }));
  }

  activity(mirror: string): MirrorActivity {
    return { running: this.running.get(mirror) ?? null, progress: null, lastByteAt: null, queued: null, place: null };
  }

  subscribe(listener: (event: EngineEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell(event: EngineEvent): void {
    for (const listener of this.listeners) listener(event);
  }
}

export interface ControlScene {
  readonly folder: string;
  readonly configFile: string;
  readonly settings: Settings;
  readonly layout: Layout;
  readonly store: Store;
  readonly engine: ScriptedEngine;
  readonly logged: unknown[];
  /** What the next reload does. */
  reload: () => Promise<ReloadResult>;
  /** Ends the socket, as a program that stops. */
  stop(): Promise<void>;
}

export const CONFIG = `
data: ./data
mirrors:
  debian: { upstream: "rsync://upstream.example.org/debian/", schedule: manual }
  ubuntu: { upstream: "rsync://upstream.example.org/ubuntu/", schedule: manual }
`;

/** What of a scene is there before its control socket is opened. */
export type SceneParts = Pick<ControlScene, 'folder' | 'settings' | 'layout' | 'store' | 'engine'>;

/** A control socket as the program opens it, over a real store and configuration, in a folder of the current test. */
export async function openControlScene(
  config = CONFIG,
  imageControls: (parts: SceneParts) => ImageControls | undefined = () => undefined,
  imageStatistics: ImageStatistics | null = null,
): Promise<ControlScene> {
  const folder = await tempFolder();
  const configFile = join(folder, 'millpond.yaml');
  await writeFile(configFile, config);
  const settings = loadSettings(configFile);
  const layout = new Layout(settings.data);
  const store = openStore(layout.stateDb);
  const engine = new ScriptedEngine(store);
  const logged: unknown[] = [];
  const state = { reload: (): Promise<ReloadResult> => Promise.resolve({ changed: [] }) };
  const controls = imageControls({ folder, settings, layout, store, engine });
  const handler = createControlHandler({
    ...{ store, engine, layout, imageStatistics },
    board: new StatusBoard({ settings: () => settings, store, engine, clock: () => NOW }),
    ...(controls ? { imageControls: controls } : {}),
    settings: () => settings,
    clock: () => NOW,
    version: '1.2.3',
    log: { error: (...line: unknown[]) => void logged.push(line) },
    workers: null,
    reload: () => state.reload(),
  });
  const socket: ControlSocket = await openControlSocket(layout.controlSocket, handler);
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= socket.stop());
  onTestFinished(async () => {
    await stop();
    store.close();
  });
  return Object.assign(state, { folder, configFile, settings, layout, store, engine, logged, stop });
}

export async function writeRunLog({ layout }: ControlScene, run: Run, text: string | Buffer): Promise<void> {
  await mkdir(layout.logFolder(run.mirror), { recursive: true });
  await writeFile(layout.log(run.mirror, run.id), text, { flag: 'a' });
}

/** Keeps what is written to it. */
export class Captured extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }

  /** Resolves when `part` has been written. */
  async holds(part: string): Promise<void> {
    while (!this.text.includes(part)) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export interface CommandLine {
  readonly stdout: Captured;
  readonly stderr: Captured;
  readonly signals: EventEmitter;
  readonly exits: number[];
  readonly ended: Promise<number>;
}

/** Runs a command line in this process as `main.ts` would. */
export function startCommand(
  args: readonly string[],
  { cwd, env = {}, isTTY = false }: { cwd: string; env?: Record<string, string>; isTTY?: boolean },
): CommandLine {
  const stdout = new Captured();
  const stderr = new Captured();
  const signals = new EventEmitter();
  const exits: number[] = [];
  const exitNow = (code: number): void => void exits.push(code);
  const ended = runCli(args, { stdout, stderr, isTTY, cwd, env, signals, exitNow });
  return { stdout, stderr, signals, exits, ended };
}

export async function command(
  args: readonly string[],
  options: Parameters<typeof startCommand>[1],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { stdout, stderr, ended } = startCommand(args, options);
  const code = await ended;
  return { code, stdout: stdout.text, stderr: stderr.text };
}
