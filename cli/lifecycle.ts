import { messageOf, MillpondError } from '../core/errors.js';
import type { CliContext } from './context.js';

/** A program that runs until it is told to stop. */
export interface Running {
  stop(): Promise<void>;
  /** Applies a changed configuration. @throws MillpondError, and then nothing has changed */
  reload(): Promise<{ changed: readonly string[] }>;
  /** Opens its logs by their names again. */
  reopenLogs(): void;
}

/** One Ctrl-C can come twice: from the terminal, and passed on by npm. Milliseconds. */
const SAME_KEYSTROKE_MS = 1_000;
const SIGNAL_NUMBERS: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 2, SIGTERM: 15 };

/**
 * Starts, and resolves when a SIGTERM or SIGINT has stopped it again; a second one ends the process at once, SIGHUP
 * reloads, SIGUSR1 opens logs again. Signals are heard before `start` is called, so that none of them leaves it half started.
 */
export async function runUntilSignal(context: CliContext, start: () => Promise<Running>): Promise<void> {
  const { signals } = context;
  let running: Running | undefined;
  const onHangup = (): void => void (running && reload(context, running));
  const onReopen = (): void => running?.reopenLogs(); // without a listener, Node would open its debugger
  const stop = stopSignal(context);
  signals.on('SIGHUP', onHangup);
  signals.on('SIGUSR1', onReopen);
  try {
    running = await start();
    await stop.asked;
    context.note('Stopping: running downloads may finish. A second signal ends Millpond at once.');
    await running.stop();
  } finally {
    signals.off('SIGHUP', onHangup);
    signals.off('SIGUSR1', onReopen);
    stop.ignore();
  }
}

/** Says what a reload changed, as `millpond reload` does. */
export function reloadSentence(changed: readonly string[]): string {
  return changed.length === 0 ? 'Reloaded: nothing has changed.' : `Reloaded: changed ${changed.join(', ')}.`;
}

async function reload(context: CliContext, running: Running): Promise<void> {
  try {
    const { changed } = await running.reload();
    context.note(reloadSentence(changed));
  } catch (error) {
    const hint = error instanceof MillpondError ? error.hint : '';
    const message = error instanceof MillpondError ? error.message : messageOf(error);
    context.note(`The configuration was not reloaded; the old one stays: ${message}${hint ? `\n${hint}` : ''}`);
  }
}

function stopSignal({ signals, clock, exitNow }: CliContext): { asked: Promise<void>; ignore(): void } {
  let firstAt: number | undefined;
  let onFirst: () => void;
  const asked = new Promise<void>((resolve) => (onFirst = resolve));
  const onSignal = (signal: NodeJS.Signals): void => {
    if (firstAt === undefined) {
      firstAt = clock();
      onFirst();
    } else if (clock() - firstAt > SAME_KEYSTROKE_MS) exitNow(128 + (SIGNAL_NUMBERS[signal] ?? 0));
  };
  signals.on('SIGTERM', onSignal);
  signals.on('SIGINT', onSignal);
  return {
    asked,
    ignore() {
      signals.off('SIGTERM', onSignal);
      signals.off('SIGINT', onSignal);
    },
  };
}
