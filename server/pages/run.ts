import type { Run, RunProgress, RunStage } from '../../core/run.js';
import { plainSentence } from '../../core/sentence.js';
import { formatBytes, formatCount, formatDuration } from '../../core/units.js';
import { failureWords } from '../../core/verdict-words.js';
import type { LogTail } from '../run-log.js';
import type { PageFrame } from './page-frame.js';
import { isOfImages, outcomeSign, progressView, runHref, runRow, runSentence } from './run-view.js';
import { sentenceView, timeOrNull } from './time-view.js';
import { renderView } from './view.js';

export interface RunPage {
  readonly mirrorTitle: string;
  readonly run: Run;
  readonly stages: readonly RunStage[];
  readonly progress: RunProgress | null;
  readonly log: LogTail | null;
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
    retry: timeOrNull(run.retryAt, now),
    failure: run.failure && { word: run.failure, text: failureWords(run.failure) },
    exitCode: run.exitCode,
    upstream: run.upstream,
    generation: run.generation,
    markerTime: timeOrNull(run.markerTime, now),
    numbers: numberRows(run),
    stages: page.stages.map((stage) => stageRow(stage, now)),
    log: page.log && { text: page.log.lines.join('\n'), count: page.log.lines.length, cut: page.log.cut },
    fullLog: `${runHref(run)}?log=full`,
  });
}

function numberRows(run: Run): { label: string; files: string; bytes: string }[] {
  const { numbers } = run;
  return [
    {
      label: 'Transferred',
      files: formatCount(numbers.transferredFiles),
      bytes: formatBytes(numbers.transferredBytes),
    },
    { label: 'Added', files: formatCount(numbers.addedFiles), bytes: formatBytes(numbers.addedBytes) },
    { label: 'Deleted', files: formatCount(numbers.deletedFiles), bytes: formatBytes(numbers.deletedBytes) },
    {
      label: isOfImages(run) ? 'Whole repository' : 'Whole tree',
      files: formatCount(numbers.totalFiles),
      bytes: formatBytes(numbers.totalBytes),
    },
    { label: 'Over the wire', files: '', bytes: formatBytes(numbers.receivedBytes) },
    { label: 'Speedup', files: '', bytes: numbers.speedup > 0 ? `${formatCount(numbers.speedup)} ×` : '–' },
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
