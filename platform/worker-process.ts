import cluster from 'node:cluster';
import type { Socket } from 'node:net';

/** A process of this program beside the main one, as the main one sees it. It ends when the main one does. */
export interface WorkerProcess {
  readonly pid: number;
  /** Sends plain data, and a connection with it, which is this process's no more; `sent` is called when it has left. */
  send(message: object, socket?: Socket, sent?: () => void): void;
  /** SIGKILL. */
  kill(): void;
}

export interface WorkerEvents {
  message(message: unknown): void;
  /** Called once, also where it could not be started. */
  ended(how: string): void;
}

/** Starts `file`, a module of this program, with `env` added to the environment of this process. */
export function startWorkerProcess(
  file: string,
  env: Readonly<Record<string, string>>,
  events: WorkerEvents,
): WorkerProcess {
  cluster.setupPrimary({ exec: file, args: [], serialization: 'advanced' });
  const worker = cluster.fork(env);
  let hasEnded = false;
  function ended(how: string): void {
    if (hasEnded) return;
    hasEnded = true;
    events.ended(how);
  }
  worker.on('message', (message: unknown) => events.message(message));
  worker.on('exit', (code: number | null, signal: string | null) => ended(signal ?? `exit code ${code}`));
  worker.on('error', (error) => ended(error.message)); // what cannot be sent to one that has gone is told as well
  return {
    pid: worker.process.pid ?? 0,
    send(message, socket, sent) {
      if (!worker.isConnected()) return;
      worker.send(message, socket, undefined, (error) => {
        if (!error) sent?.();
      });
    },
    kill: () => void worker.process.kill('SIGKILL'),
  };
}

/** The main process, as one that it has started sees it. */
export interface MainProcess {
  /** Resolves when the message has left. */
  send(message: object): Promise<void>;
  /** `socket` is undefined where none was sent, or it has broken meanwhile. */
  onMessage(listener: (message: unknown, socket: Socket | undefined) => void): void;
}

/** To be called in such a process. It ends at once when the main process is gone; signals are for that one alone. */
export function mainProcess(): MainProcess {
  // a terminal, and systemd, send them to all processes of a program
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => {});
  process.once('disconnect', () => process.exit());
  return {
    send: (message) =>
      new Promise((resolve) => {
        if (process.connected) process.send?.(message, undefined, undefined, () => resolve());
        else resolve();
      }),
    onMessage: (listener) =>
      void process.on('message', (message, socket) => listener(message, socket as Socket | undefined)),
  };
}
