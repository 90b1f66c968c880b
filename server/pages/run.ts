import type { Run, RunProgress, RunStage } from '../../core/run.js';
import { plainSentence } from '../../core/sentence.js';
import { formatBytes, formatCount, formatDuration } from '../../core/units.js';
import { failureWords } from '../../core/verdict-words.js';
import type { LogTail } from '../run-log.js';
import type { PageFrame } from './page-frame.js';
import {
  changeRows,
  isOfImages,
  logView,
  outcomeSign,
  progressView,
  runHref,
  runRow,
  runSentence,
  type NumberRow,
} from './run-view.js';
import { sentenceView, timeOrNull } from './time-view.js';
import { renderView } from './view.js';

export interface RunPage {
  readonly mirrorTitle: string;
  readonly run: Run;
  readonly stages: readonly RunStage[];
  readonly progress: RunProgress | null;
  readonly log: LogTail | null;
  /** Why the client may not see the log, as a sentence; null where it may. */
  readonly closedLog: string | null;
  /** When the mirror is due next; the try that a failed run has planned may have been given up. */
  readonly nextDueAt: number | null;
}

/** `/status/<mirror>/runs/<id>`. */
export function renderRun(frame: PageFrame, page: RunPage): string {
  const { run } = page;
  const { now } = frame;
  const isActive = run.outcome === null && run.phase !== 'queued';
  return renderView('run', {
    ...frame,
    id: run.id,
    mirrorTitle: page.mirrorTitle,
    mirrorStatus: isOfImages(run) ? `/images/${run.mirror}` : `/status/${run.mirror}`,
    parent: isOfImages(run) ? { href: '/images', text: 'Images' } : { href: '/status', text: 'Status' },
    sign: outcomeSign(run),
    sentence: sentenceView(runSentence(run, now), now),
    plain: plainSentence(runSentence(run, now)),
    message: run.message,
    trigger: runRow(run, now).trigger,
    force: run.force,
    progress: isActive ? { ...progressView(run, page.progress), href: runHref(run), id: run.id } : null,
    queued: timeOrNull(run.queuedAt, now),
    started: timeOrNull(run.startedAt, now),
    ended: timeOrNull(run.endedAt, now),
    retry: timeOrNull(run.retryAt === page.nextDueAt ? run.retryAt : null, now),
    failure: run.failure && { word: run.failure, text: failureWords(run.failure) },
    exitCode: run.exitCode,
    upstream: run.upstream,
    generation: run.generation,
    markerTime: timeOrNull(run.markerTime, now),
    numbers: numberRows(run),
    stages: page.stages.map((stage) => stageRow(stage, now)),
    log: logView(page.log),
    closedLog: page.closedLog,
    fullLog: `${runHref(run)}?log=full`,
    twins: { json: `${runHref(run)}.json`, text: null },
  });
}

function numberRows(run: Run): NumberRow[] {
  const { totalFiles, totalBytes, receivedBytes, speedup } = run.numbers;
  return [
    ...changeRows(run),
    {
      label: isOfImages(run) ? 'Whole repository' : 'Whole tree',
      files: formatCount(totalFiles),
      bytes: formatBytes(totalBytes),
    },
    { label: 'Over the wire', files: '', bytes: formatBytes(receivedBytes) },
    { label: 'Speedup', files: '', bytes: speedup > 0 ? `${formatCount(speedup)} ×` : '–' },
  ];
}

function stageRow(stage: RunStage, now: number): object {
  return {
    name: stage.name,
    pass: stage.pass,
    started: timeOrNull(stage.startedAt, now),
    lasted: formatDuration(((stage.endedAt ?? now) - stage.startedAt) / 1000),
    active: stage.endedAt === null,
    files: formatCount(stage.transferredFiles),
    bytes: formatBytes(stage.transferredBytes),
    received: formatBytes(stage.receivedBytes),
    exitCode: stage.exitCode,
  };
}
