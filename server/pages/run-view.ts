import type { Run, RunOutcome, RunProgress } from '../../core/run.js';
import { moment, say, type Sentence } from '../../core/sentence.js';
import { formatBytes, formatCount, formatDuration } from '../../core/units.js';
import { failureWords, phaseWords } from '../../core/verdict-words.js';
import type { LogTail } from '../run-log.js';
import { timeOrNull, type TimeView } from './time-view.js';

/** A run in a table of runs. */
export interface RunRow {
  readonly id: number;
  readonly href: string;
  readonly label: string;
  readonly shape: string;
  readonly tone: string;
  readonly trigger: string;
  readonly started: TimeView | null;
  readonly lasted: string;
  readonly received: string;
  readonly changes: string;
  readonly message: string;
}

/** A line of a table of what a run moved. */
export interface NumberRow {
  readonly label: string;
  readonly files: string;
  readonly bytes: string;
}

/** Live progress as templates show it; `percent` is a whole number. */
export interface ProgressView {
  readonly mirror: string;
  readonly phase: string;
  readonly stage: string;
  readonly percent: number;
  readonly files: string;
  readonly bytes: string;
  readonly rate: string;
  readonly eta: string;
  readonly checked: string;
}

const OUTCOMES: Readonly<Record<RunOutcome, { label: string; shape: string; tone: string; sentence: string }>> = {
  updated: { label: 'updated', shape: '●', tone: 'good', sentence: 'Brought the mirror up to date' },
  unchanged: { label: 'unchanged', shape: '●', tone: 'quiet', sentence: 'Found nothing new' },
  held: { label: 'held', shape: '‖', tone: 'bad', sentence: 'Held back for a person to decide' },
  quarantined: { label: 'quarantined', shape: '✕', tone: 'bad', sentence: 'Fetched a tree that failed verification' },
  failed: { label: 'failed', shape: '✕', tone: 'bad', sentence: 'Failed' },
  cancelled: { label: 'cancelled', shape: '‖', tone: 'calm', sentence: 'Cancelled by an operator' },
  interrupted: { label: 'interrupted', shape: '◐', tone: 'calm', sentence: 'Interrupted when Millpond ended' },
};

const TRIGGERS: Readonly<Record<Run['trigger'], string>> = {
  schedule: 'by schedule',
  manual: 'asked by an operator',
  retry: 'another try',
  'catch-up': 'caught up',
  approval: 'let through by an operator',
};

/** The names of images have parts, those of trees have none. */
export function isOfImages({ mirror }: Pick<Run, 'mirror'>): boolean {
  return mirror.includes('/');
}

export function runHref(run: Pick<Run, 'mirror' | 'id'>): string {
  return isOfImages(run) ? `/images/${run.mirror}/-/runs/${run.id}` : `/status/${run.mirror}/runs/${run.id}`;
}

export function runRow(run: Run, now: number): RunRow {
  const { deletedFiles, addedFiles, receivedBytes } = run.numbers;
  return {
    id: run.id,
    href: runHref(run),
    ...outcomeSign(run),
    trigger: TRIGGERS[run.trigger] + (run.attempt > 1 ? `, try ${run.attempt}` : ''),
    started: timeOrNull(run.startedAt ?? run.queuedAt, now),
    lasted: run.startedAt === null ? 'not started' : formatDuration(runSeconds(run, now)),
    received: formatBytes(receivedBytes),
    changes: `+${formatCount(addedFiles)} −${formatCount(deletedFiles)}`,
    message: run.message ?? '',
  };
}

/** What a run changed in the tree. */
export function changeRows({ numbers }: Run): NumberRow[] {
  const { transferredFiles, transferredBytes, addedFiles, addedBytes, deletedFiles, deletedBytes } = numbers;
  return [
    { label: 'Added', files: formatCount(addedFiles), bytes: formatBytes(addedBytes) },
    { label: 'Deleted', files: formatCount(deletedFiles), bytes: formatBytes(deletedBytes) },
    { label: 'Transferred', files: formatCount(transferredFiles), bytes: formatBytes(transferredBytes) },
  ];
}

/** The end of a log as templates show it. */
export function logView(log: LogTail | null): { text: string; count: number; cut: boolean } | null {
  return log && { text: log.lines.join('\n'), count: log.lines.length, cut: log.cut };
}

/** Word, shape and tone of a run, ended or not. */
export function outcomeSign(run: Pick<Run, 'outcome'> & Partial<Pick<Run, 'phase'>>): {
  label: string;
  shape: string;
  tone: string;
} {
  if (run.outcome === null) return { label: run.phase === 'queued' ? 'queued' : 'running', shape: '◐', tone: 'active' };
  const { label, shape, tone } = OUTCOMES[run.outcome];
  return { label, shape, tone };
}

/** What came of a run, in one sentence or two. */
export function runSentence(run: Run, now: number): Sentence {
  if (run.phase === 'queued') return say`Waiting to be started since ${moment(run.queuedAt)}.`;
  if (run.outcome === null) return say`Running: ${phaseWords(run.phase)}, for ${formatDuration(runSeconds(run, now))}.`;
  const ended = run.endedAt === null ? say`` : say` at ${moment(run.endedAt)}`;
  const lasted = run.startedAt === null ? '' : `, after ${formatDuration(runSeconds(run, now))}`;
  const why = run.outcome === 'failed' && run.failure ? `: ${failureWords(run.failure)}` : '';
  return say`${OUTCOMES[run.outcome].sentence}${ended}${lasted}${why}.`;
}

/** Seconds from start to end, or to now; 0 when it has not started. */
export function runSeconds(run: Run, now: number): number {
  return run.startedAt === null ? 0 : Math.max(0, (run.endedAt ?? now) - run.startedAt) / 1000;
}

export function progressView(run: Run, progress: RunProgress | null): ProgressView {
  const inStages = progress !== null && run.phase === 'pull';
  return {
    mirror: run.mirror,
    phase: phaseWords(run.phase),
    stage: inStages ? stageText(progress) : '',
    percent: inStages ? Math.floor(Math.min(100, Math.max(0, progress.percent))) : 0,
    files: formatCount(progress?.files ?? 0),
    bytes: formatBytes(progress?.bytes ?? 0),
    rate: `${formatBytes(progress?.rate ?? 0)}/s`,
    eta: progress?.eta ? formatDuration(progress.eta) : 'not known',
    checked: progress ? `${formatCount(progress.known - progress.toCheck)} of ${formatCount(progress.known)}` : '0',
  };
}

function stageText(progress: RunProgress): string {
  const pass = progress.pass > 1 ? `, pass ${progress.pass}` : '';
  return `${progress.stage} (${progress.stageIndex} of ${progress.stageCount}${pass})`;
}
