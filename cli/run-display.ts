import type { EngineEvent } from '../core/engine.js';
import type { RunProgress } from '../core/run.js';
import { formatBytes, formatFiles, formatDuration } from '../core/units.js';
import { phaseWords } from '../core/verdict-words.js';
import type { CliContext } from './context.js';
import { printable } from './printable.js';

/** Shows a run while it goes on. */
export interface RunDisplay {
  show(event: EngineEvent): void;
  /** Leaves the terminal as if nothing had been drawn on it. */
  readonly clear: () => void;
}

const BAR_CELLS = 24;
const DEFAULT_COLUMNS = 80;
const ERASE_LINE = '\r\x1b[2K';
/** Without a terminal a line is printed each time that so many percent are done. */
const PERCENT_STEP = 10;

/** A progress bar on a terminal, else a line for each phase and for each tenth of a stage; nothing with `--json`. */
export function runDisplay(context: CliContext, runId: () => number | undefined): RunDisplay {
  if (context.json) return { show: () => undefined, clear: () => undefined };
  const display = context.io.isTTY ? barDisplay(context) : lineDisplay(context);
  return {
    show: (event) => {
      if (runIdOf(event) === runId()) display.show(event);
    },
    clear: () => display.clear(),
  };
}

/** Progress as one line without a bar. */
export function progressText(progress: RunProgress): string {
  const { stage, stageIndex, stageCount, pass, percent, bytes, rate, files, eta } = progress;
  const parts = [
    `${stage} ${stageIndex}/${stageCount}${pass > 1 ? ` (pass ${pass})` : ''}`,
    `${Math.floor(percent)} %`,
    formatBytes(bytes),
    `${formatBytes(rate)}/s`,
    `${formatFiles(files)}`,
  ];
  if (eta !== null) parts.push(`${formatDuration(eta)} left`);
  return parts.join('  ');
}

function runIdOf(event: EngineEvent): number | undefined {
  if (event.type === 'mirror.changed') return undefined;
  return event.type === 'run.progress' ? event.runId : event.run.id;
}

function barDisplay({ io }: CliContext): RunDisplay {
  const draw = (text: string): void => {
    const columns = 'columns' in io.stdout ? Number(io.stdout.columns) : DEFAULT_COLUMNS;
    io.stdout.write(`${ERASE_LINE}${printable(text).slice(0, (columns || DEFAULT_COLUMNS) - 1)}`);
  };
  return {
    show(event) {
      if (event.type === 'run.progress') draw(`${bar(event.progress.percent)} ${progressText(event.progress)}`);
      else if (event.type !== 'mirror.changed') draw(`${bar(0)} ${phaseWords(event.run.phase)}`);
    },
    clear: () => void io.stdout.write(ERASE_LINE),
  };
}

function bar(percent: number): string {
  const full = Math.round((Math.min(100, Math.max(0, percent)) / 100) * BAR_CELLS);
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_CELLS - full)}]`;
}

function lineDisplay(context: CliContext): RunDisplay {
  let last = '';
  const print = (key: string, text: string): void => {
    if (key === last) return;
    last = key;
    void context.line(text);
  };
  return {
    show(event) {
      // whether it waits is told with the answer, which may be newer than the event
      if (event.type === 'mirror.changed' || event.type === 'run.queued' || event.type === 'run.ended') return;
      if (event.type !== 'run.progress') return print(event.run.phase, phaseWords(event.run.phase));
      const { progress } = event;
      const step = Math.floor(progress.percent / PERCENT_STEP);
      print(`${progress.pass} ${progress.stageIndex} ${step}`, progressText(progress));
    },
    clear: () => undefined,
  };
}
