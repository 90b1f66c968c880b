import { execa } from 'execa';
import type { Readable } from 'node:stream';
import { MillpondError, messageOf } from '../core/errors.js';

/** How a child process ended. Exactly one of `code` and `signal` is set, unless it could not be started. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last `stderr` of at most 64 KiB. */
  readonly stderr: string;
  /** Set when this program ended it: the first reason given to `end`. */
  readonly endedBecause: string | null;
}

export interface ChildOptions {
  readonly cwd?: string;
  /** Added to a minimal environment: PATH, HOME, LANG=C.UTF-8 and nothing else of ours. */
  readonly env?: Readonly<Record<string, string>>;
  /** Receives stdout within GULP_AFTER_MS; without it stdout is thrown away. Never buffered here. */
  readonly onStdout?: (chunk: Buffer) => void;
  readonly onStderr?: (chunk: Buffer) => void;
  /** Written to stdin, which is then closed: the way for secrets, which no process list shows. */
  readonly input?: string;
  /** Instead of that, what it reads, at its own pace. */
  readonly inputStream?: Readable;
  /** Whoever starts it reads `Child.stdout` to its end, or ends the child: it waits where nobody reads. */
  readonly readStdout?: boolean;
  /** What it has started is killed as soon as it ends, also when nobody here has ended it. */
  readonly groupEndsWithIt?: boolean;
}

export interface Child {
  readonly pid: number;
  readonly ended: Promise<ChildEnd>;
  /** With `readStdout` only. */
  readonly stdout: Readable | null;
  /**
   * TERM to the program, soon after to its whole process group, KILL to that after `graceMs`; resolves when all have
   * ended. The first reason is kept.
   */
  end(because: string, graceMs?: number): Promise<ChildEnd>;
}

const STDERR_KEPT = 64 * 1024;
/** rsync writes a line of progress a file, each of which would else be an event with a buffer of its own. */
const GULP_AFTER_MS = 5;
const DEFAULT_GRACE_MS = 10_000;
/** rsync ends its receiver itself, well under a second; when both get TERM at once, the receiver may hang. */
const LEADER_ALONE_MS = 2_000;

/**
 * Starts `file` with an argument vector, never through a shell, as the leader of a process group of its own.
 * @throws MillpondError `local-tool` as `unavailable` when the program does not exist or cannot be executed
 */
export function startChild(file: string, args: readonly string[], options: ChildOptions = {}): Child {
  const subprocess = execa(file, args, {
    detached: true, // a group of its own, so that helpers and forks of it are ended with it
    cleanup: false,
    reject: false,
    buffer: false,
    ...(options.input === undefined ? { stdin: options.inputStream ?? ('ignore' as const) } : { input: options.input }),
    stdout: options.onStdout || options.readStdout ? 'pipe' : 'ignore',
    stderr: 'pipe',
    extendEnv: false,
    env: { ...minimalEnvironment(), ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const pid = subprocess.pid;
  if (pid === undefined) {
    void subprocess.catch(() => undefined);
    throw new MillpondError('unavailable', `the program "${file}" cannot be started`, {
      hint: `Install it, or check that it is on PATH (${process.env['PATH'] ?? 'unset'}).`,
    });
  }
  // the promise waits for those that hold its pipes
  if (options.groupEndsWithIt) subprocess.once('exit', () => send('SIGKILL', -pid));
  let stderr = Buffer.alloc(0);
  if (subprocess.stdout && options.onStdout) readInGulps(subprocess.stdout, options.onStdout);
  subprocess.stderr?.on('data', (chunk: Buffer) => {
    stderr = Buffer.concat([stderr, chunk]).subarray(-STDERR_KEPT);
    options.onStderr?.(chunk);
  });
  let endedBecause: string | null = null;
  let isOver = false;
  const timers: NodeJS.Timeout[] = [];
  const ended = subprocess.then((result): ChildEnd => {
    isOver = true;
    for (const timer of timers) clearTimeout(timer);
    if (endedBecause !== null) send('SIGKILL', -pid); // forks that outlive their leader
    return {
      code: result.exitCode ?? null,
      signal: result.signal ?? null,
      stderr: stderr.toString('utf8') || (result.exitCode === undefined && !result.signal ? messageOf(result) : ''),
      endedBecause,
    };
  });
  return {
    pid,
    ended,
    stdout: options.readStdout ? subprocess.stdout : null,
    end(because, graceMs = DEFAULT_GRACE_MS) {
      // once it has ended, its number may be that of somebody else's process
      if (endedBecause === null && !isOver) {
        endedBecause = because;
        send('SIGTERM', pid);
        timers.push(setTimeout(() => send('SIGTERM', -pid), Math.min(LEADER_ALONE_MS, graceMs)));
        timers.push(setTimeout(() => send('SIGKILL', -pid), graceMs));
      }
      return ended;
    },
  };
}

/**
 * Runs a program to its end and returns its stdout (at most `maxBytes`, default 16 MiB) and its end, which the time
 * limit (default 60 s) and the signal bring nearer.
 */
export async function runChild(
  file: string,
  args: readonly string[],
  options: Omit<ChildOptions, 'onStdout'> & { timeoutMs?: number; maxBytes?: number; signal?: AbortSignal } = {},
): Promise<ChildEnd & { stdout: Buffer }> {
  const { timeoutMs = 60_000, maxBytes = 16 * 1024 * 1024, signal, ...rest } = options;
  signal?.throwIfAborted();
  const chunks: Buffer[] = [];
  let size = 0;
  const child = startChild(file, args, {
    ...rest,
    onStdout(chunk) {
      size += chunk.length;
      if (size > maxBytes) void child.end(`printed more than ${maxBytes} bytes`);
      else chunks.push(chunk);
    },
  });
  const timer = setTimeout(() => void child.end(`ran longer than ${timeoutMs / 1000} s`, 2_000), timeoutMs);
  const onAbort = (): void => void child.end('was no longer wanted', 2_000);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const end = await child.ended;
    return { ...end, stdout: Buffer.concat(chunks) };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

function readInGulps(stream: Readable, onChunk: (chunk: Buffer) => void): void {
  let waits = false;
  const gulp = (): void => {
    waits = false;
    for (let chunk: unknown; (chunk = stream.read()) !== null;) onChunk(chunk as Buffer);
  };
  stream.on('readable', () => {
    if (!waits) setTimeout(gulp, GULP_AFTER_MS);
    waits = true;
  });
}

function minimalEnvironment(): Record<string, string> {
  const environment: Record<string, string> = { LANG: 'C.UTF-8', TZ: 'UTC' };
  for (const name of ['PATH', 'HOME', 'SSH_AUTH_SOCK']) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

/** To a process, or with a negative number to its whole group (kill(2)). */
function send(signal: NodeJS.Signals, pid: number): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: it is gone already, which is what was wanted
  }
}
